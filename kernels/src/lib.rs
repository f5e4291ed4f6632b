//! The `CubeCL` engine.
