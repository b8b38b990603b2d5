//! Load information: images, kernel collections, shared caches, translations.
//!
//! Layouts are those of `osfmk/kern/kcdata.h`, xnu-11417.121.6; a note says since when where they grew.

use super::super::layout::{
    Field, Type, array, hex, i32, packed, scalar, size, structure, u8, u32, u64, uuid,
};

pub(super) const TYPES: &[Type<'static>] = &[
    structure(0x30, "dyld_load_info", LOADINFO32),
    structure(0x31, "dyld_load_info", LOADINFO64),
    structure(0x39, "dyld_aot_info", AOTINFO),
    structure(0x908, "shared_cache_dyld_load_info", SHAREDCACHE_LOADINFO),
    structure(0x91c, "kernelcache_load_info", LOADINFO64),
    structure(0x927, "system_shared_cache_layout", LOADINFO64),
    structure(0x92e, "dyld_load_info_text_exec", LOADINFO64),
    structure(0x92f, "dyld_aot_cache_uuid_info", AOTCACHE),
    structure(0x943, "shared_cache_dyld_load_info", SHAREDCACHE_INFO),
    structure(0x944, "dyld_aot_cache_uuid_info", AOTCACHE),
    scalar(0x945, &[i32("sharedCacheID")]),
];

/// `struct dyld_uuid_info_32`.
const LOADINFO32: &[Field<'static>] = &packed([hex(u32("imageLoadAddress")), uuid("imageUUID")]);
const _: () = assert!(size(LOADINFO32) == 20);

/// `struct dyld_uuid_info_64`, also the elements of the text-exec list and of cache layouts.
const LOADINFO64: &[Field<'static>] = &packed([hex(u64("imageLoadAddress")), uuid("imageUUID")]);
const _: () = assert!(size(LOADINFO64) == 24);

/// `struct user64_dyld_aot_info`: one image translated by Rosetta (xnu-7195).
const AOTINFO: &[Field<'static>] = &packed([
    hex(u64("x86LoadAddress")),
    hex(u64("aotLoadAddress")),
    u64("aotImageSize"),
    array(32, u8("aotImageKey")),
]);
const _: () = assert!(size(AOTINFO) == 56);

/// `struct dyld_shared_cache_loadinfo`: 24 bytes up to xnu-3248, 32 from 3789, 40 from 7195.101.
///
/// The first fields carry the names of the struct it once was; the first is a slide, not an address.
const SHAREDCACHE_LOADINFO: &[Field<'static>] = &packed([
    hex(u64("imageLoadAddress")),
    uuid("imageUUID"),
    hex(u64("imageSlidBaseAddress")),
    hex(u64("sharedCacheSlidFirstMapping")),
    u32("sharedCacheID"),
    u32("sharedCacheFlags"),
]);
const _: () = assert!(size(SHAREDCACHE_LOADINFO) == 48);

/// `struct dyld_shared_cache_loadinfo_v2` (xnu-8792).
const SHAREDCACHE_INFO: &[Field<'static>] = &packed([
    hex(u64("sharedCacheSlide")),
    uuid("sharedCacheUUID"),
    hex(u64("sharedCacheUnreliableSlidBaseAddress")),
    hex(u64("sharedCacheSlidFirstMapping")),
    u32("sharedCacheID"),
    u32("sharedCacheFlags"),
]);
const _: () = assert!(size(SHAREDCACHE_INFO) == 48);

/// `struct dyld_aot_cache_uuid_info` (xnu-7195).
const AOTCACHE: &[Field<'static>] = &packed([
    hex(u64("x86SlidBaseAddress")),
    uuid("x86UUID"),
    hex(u64("aotSlidBaseAddress")),
    uuid("aotUUID"),
]);
const _: () = assert!(size(AOTCACHE) == 48);
