//! Storewarden's wire: the protobuf messages, the gRPC stubs (feature `grpc`), and the way in and out of the domain
//! types of `storewarden-types`.
//!
//! Owns prost. The only place where "absent because protobuf" exists: past [`convert`], a value is whole or refused.
//! Must not know: sockets, files, clocks.

#![forbid(unsafe_code)]

pub mod convert;
pub mod frame;

#[allow(missing_docs, unreachable_pub, rustdoc::all, clippy::all, clippy::pedantic, clippy::use_self)]
mod storewarden {
    //! The generated code, nested as its packages are because its paths rely on it.
    pub mod v1 {
        include!("generated/storewarden.v1.rs");
    }
    pub mod worker {
        pub mod v1 {
            include!("generated/storewarden.worker.v1.rs");
        }
    }
}

/// Package `storewarden.v1`: what clients, agents and controller say.
pub use storewarden::v1;
/// Package `storewarden.worker.v1`: frames between agent and worker.
pub use storewarden::worker::v1 as worker;

/// The compiled `.proto` files with their comments, for server reflection and for JSON output.
pub const DESCRIPTOR: &[u8] = include_bytes!("generated/descriptor.bin");
