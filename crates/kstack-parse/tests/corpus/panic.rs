//! Panic logs and `.ips` files.

use crate::Expected;

pub(crate) const TABLE: &[Expected] = &[];
