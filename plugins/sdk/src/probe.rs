//! The trait an author implements. Owns its words; the shim does the rest.

use crate::{Cx, Error, Target, Verdict};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// For probes that have nothing to configure: takes `{}` and nothing else.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// One question about one mount.
///
/// An instance belongs to one mount and one configuration. It is made once, asked again and again from one thread, and
/// dropped when the mount goes away, the configuration changes, or it panicked.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a Storewarden probe",
    label = "`Probe` is not implemented for `{Self}`",
    note = "implement `storewarden_plugin_sdk::Probe` for `{Self}`: a `Config` type, `new` and `probe`"
)]
pub trait Probe: Sized + 'static {
    /// What can be configured. Use `deny_unknown_fields` and `default`, so that a typing error is an error and nothing
    /// is required. A probe without configuration takes [`NoConfig`].
    type Config: DeserializeOwned;

    /// Makes an instance. Touch the mount here and a hung mount will keep the probe from existing: only store things.
    ///
    /// # Errors
    /// When the configuration makes no sense; the text goes to the operator.
    fn new(config: Self::Config) -> Result<Self, Error>;

    /// Looks once.
    ///
    /// What was found is the verdict, however bad. An error says that nothing could be found out.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    fn probe(&mut self, target: &Target<'_>, cx: &Cx<'_>) -> Result<Verdict, Error>;
}
