//! What is said about code that runs in exclaves (xnu-10063 and later).
//!
//! Layouts are those of `osfmk/kern/kcdata.h`, xnu-11417.121.6; a note says since when where they grew.

use super::super::layout::{
    Field, Type, hex, packed, scalar, size, string, structure, u32, u64, uuid,
};

pub(super) const TYPES: &[Type<'static>] = &[
    structure(0x948, "exclaves_thread_info", THREADINFO),
    structure(0x94b, "exclave_scresult_info", SCRESULT),
    structure(0x94d, "exclave_ipcstackentry_info", IPCSTACKENTRY),
    structure(0x94e, "secure_ecstack_entry", LR64),
    structure(0x950, "exclave_addressspace_info", ADDRESSSPACE),
    scalar(0x951, &[string("exclave_addressspace_name")]),
    structure(0x953, "exclave_textlayout_info", TEXTLAYOUT),
    structure(0x954, "exclave_textlayout_segments", SEGMENT),
    structure(0x955, "exclaves_crash_thread_info", CRASH_THREADINFO),
];

/// `struct thread_exclaves_info`.
const THREADINFO: &[Field<'static>] = &packed([
    u64("tei_scid"),
    u32("tei_thread_offset"),
    hex(u32("tei_flags")),
]);
const _: () = assert!(size(THREADINFO) == 16);

/// `struct thread_crash_exclaves_info`.
const CRASH_THREADINFO: &[Field<'static>] = &packed([
    u64("tcei_scid"),
    u64("tcei_thread_id"),
    hex(u32("tcei_flags")),
]);
const _: () = assert!(size(CRASH_THREADINFO) == 20);

/// `struct exclave_scresult_info`.
const SCRESULT: &[Field<'static>] = &packed([u64("esc_id"), hex(u64("esc_flags"))]);
const _: () = assert!(size(SCRESULT) == 16);

/// `struct exclave_ipcstackentry_info`.
const IPCSTACKENTRY: &[Field<'static>] = &packed([
    u64("eise_asid"),
    u64("eise_tnid"),
    u64("eise_invocationid"),
    hex(u64("eise_flags")),
]);
const _: () = assert!(size(IPCSTACKENTRY) == 32);

/// `struct exclave_addressspace_info`: 32 bytes, 40 from xnu-10063.121.
const ADDRESSSPACE: &[Field<'static>] = &packed([
    u64("eas_id"),
    hex(u64("eas_flags")),
    u64("eas_layoutid"),
    hex(u64("eas_slide")),
    hex(u64("eas_asroot")),
]);
const _: () = assert!(size(ADDRESSSPACE) == 40);

/// `struct exclave_textlayout_info`: 16 bytes, 20 from xnu-11417.101.
const TEXTLAYOUT: &[Field<'static>] = &packed([
    u64("layout_id"),
    hex(u64("etl_flags")),
    u32("sharedcache_index"),
]);
const _: () = assert!(size(TEXTLAYOUT) == 20);

/// `struct exclave_textlayout_segment`: 24 bytes, 32 from xnu-11417.101.
const SEGMENT: &[Field<'static>] = &packed([
    uuid("layoutSegment_uuid"),
    hex(u64("layoutSegment_loadAddress")),
    hex(u64("layoutSegment_rawLoadAddress")),
]);
const _: () = assert!(size(SEGMENT) == 32);

/// An address alone.
const LR64: &[Field<'static>] = &packed([hex(u64("lr"))]);
const _: () = assert!(size(LR64) == 8);
