//! The mounts of the lab, as `tests/lab/guest/nfslab` lays them out.

use std::fmt;

/// One mount in the guest; each is a store of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mount {
    /// NFSv3, `hard`, server 1.
    V3Hard,
    /// NFSv3, the options of a CloudStack system VM, server 1.
    V3CloudStack,
    /// NFSv4.2, `hard`, server 1.
    V4Hard,
    /// NFSv4.2, the options of a CloudStack system VM, server 1.
    V4CloudStack,
    /// NFSv4.2, `hard`, server 2: nothing that is done to server 1 may be felt here.
    Witness,
}

impl Mount {
    /// The four that are broken: every version and option set, all from server 1.
    pub const ALL: [Self; 4] = [Self::V3Hard, Self::V3CloudStack, Self::V4Hard, Self::V4CloudStack];

    /// Its name in `nfslab`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V3Hard => "v3-hard",
            Self::V3CloudStack => "v3-cloudstack",
            Self::V4Hard => "v4-hard",
            Self::V4CloudStack => "v4-cloudstack",
            Self::Witness => "witness",
        }
    }

    /// Its path in the guest.
    #[must_use]
    pub fn path(self) -> String {
        format!("/mnt/SecStorage/{}", self.name())
    }
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names of several, as arguments of `nfslab`.
pub(super) fn list(mounts: &[Mount]) -> String {
    mounts.iter().map(|m| m.name()).collect::<Vec<_>>().join(" ")
}
