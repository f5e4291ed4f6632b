//! Files of every format, good ones and bad ones.

mod bad_files;
mod formats;
mod fuzz;
mod joins;
mod packed;
mod parquet_types;
mod rows_of;
mod timing;
