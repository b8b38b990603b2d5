//! Where a symbol file that is missing comes from.

use kstack_model::{ImageKind, Machine};

use crate::resolve::TraceImage;

/// Where to get the file for an image, as a fragment.
#[must_use]
pub fn where_from(image: &TraceImage, machine: &Machine) -> String {
    let name = image.name();
    if matches!(image.image.kind, ImageKind::User | ImageKind::SharedCache) {
        return user_image(image.image.path.as_deref());
    }
    if is_no_mac(machine) {
        let build = machine.os_build.as_deref();
        let of = build.map_or_else(String::new, |build| format!(" of build {build}"));
        return format!(
            "the kernelcache in the .ipsw{of}, which names few functions: Apple's Kernel Debug Kits are for Macs"
        );
    }
    let kit = || match &machine.os_build {
        Some(build) => format!("Apple's Kernel Debug Kit for build {build}"),
        None => "Apple's Kernel Debug Kit for the build of the machine".to_owned(),
    };
    match image.image.kind {
        ImageKind::Kernel => format!(
            "{}; or the machine's own /System/Library/Kernels/kernel, before 10.10 /mach_kernel, which names fewer functions",
            kit()
        ),
        ImageKind::KernelCollection => format!(
            "{}, which has the kernel and Apple's kexts one by one",
            kit()
        ),
        _ if name.starts_with("com.apple.") => {
            format!(
                "{}, or the kext in /System/Library/Extensions of the machine",
                kit()
            )
        }
        _ => match vendor(&name) {
            Some(vendor) => format!(
                "your own build and its .dSYM, if it is yours; else from its vendor ({vendor}), or the kext in /Library/Extensions of the machine"
            ),
            None => "your own build and its .dSYM, if it is yours; else from its vendor".to_owned(),
        },
    }
}

fn user_image(path: Option<&str>) -> String {
    let own = "your own build and its .dSYM, if it is yours; else from its vendor";
    match path {
        Some(path) if path.starts_with("/System/") || path.starts_with("/usr/lib/system/") => {
            format!("{path} of the machine: Apple publishes no symbol files of it")
        }
        Some(path) => format!("{own}, or {path} of the machine, which names fewer functions"),
        None => own.to_owned(),
    }
}

/// Whether it is an iPhone or one of its kin.
pub(crate) fn is_no_mac(machine: &Machine) -> bool {
    let kin = [
        "iphone",
        "ios",
        "ipados",
        "watchos",
        "watch os",
        "tvos",
        "apple tvos",
        "visionos",
        "xros",
    ];
    let version = machine.os_version.as_deref().unwrap_or_default();
    let version = version.to_ascii_lowercase();
    kin.iter().any(|kin| version.starts_with(kin))
}

/// `net.lundman` of `net.lundman.zfs`.
fn vendor(identifier: &str) -> Option<String> {
    let (vendor, _) = identifier.rsplit_once('.')?;
    let parts: Vec<&str> = vendor.split('.').take(2).collect();
    (parts.len() == 2).then(|| parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_the_system_has_no_symbol_file_and_another_may_be_yours() {
        let system = user_image(Some("/usr/lib/system/libsystem_kernel.dylib"));
        assert!(system.ends_with("Apple publishes no symbol files of it"));
        let other = user_image(Some("/usr/sbin/zpool"));
        assert!(other.starts_with("your own build") && other.contains("/usr/sbin/zpool"));
    }

    #[test]
    fn no_debug_kit_is_promised_for_a_telephone() {
        let of = |version: &str| Machine {
            os_version: Some(version.to_owned()),
            ..Machine::default()
        };
        assert!(is_no_mac(&of("iPhone OS 16.2 (20C65)")));
        assert!(!is_no_mac(&of("macOS 13.0 (22A380)")));
        assert!(!is_no_mac(&Machine::default()));
    }

    #[test]
    fn the_vendor_is_the_start_of_the_identifier() {
        assert_eq!(vendor("net.lundman.zfs").as_deref(), Some("net.lundman"));
        assert_eq!(
            vendor("org.pqrs.driver.Karabiner").as_deref(),
            Some("org.pqrs")
        );
        assert_eq!(vendor("zfs"), None);
    }
}
