//! Holds the conversions to the protocol: by pairs written by hand, by random values, by bad input, by garbage.

mod arbitrary;
mod arbitrary_record;
mod arbitrary_worker;
mod client_view;
mod clipped;
mod garbage;
mod pairs;
mod pairs_record;
mod pairs_worker;
mod refused;
mod refused_worker;
mod round_trip;
