pub use mmtl_zoo::Protocol;
