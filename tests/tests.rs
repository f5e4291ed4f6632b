//! Integration tests of the whole program; one module for each thing they hold.

mod layering;
