//! Files of every format, good ones and bad ones.

mod rows_of;
mod timing;
