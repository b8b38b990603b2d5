//! `samples/zone-leak`: memory that `zpool create` does not give back when it fails.
//!
//! Tables of the zones before and after show which zone grows, and the log of that zone who
//! allocates from it: as gdb printed it in 2012, and as the macros of today count it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::stacks::Machine;

/// What zprint says of a zone: name, size of an element, elements in use, and how many more later.
type Zone = (&'static str, u64, u64, u64);

const ZONES: [Zone; 7] = [
    ("vm.objects", 224, 48_120, 310),
    ("kalloc.64", 64, 30_411, 77),
    ("kalloc.128", 128, 21_048, 66_112),
    ("kalloc.512", 512, 2_918, 12),
    ("vnodes", 248, 61_544, 1_040),
    ("proc", 1120, 96, 1),
    ("zones", 592, 171, 0),
];

/// Writes the two tables and the two logs.
pub(crate) fn write(machine: &Machine, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("before.txt"), zprint(0))?;
    fs::write(folder.join("after.txt"), zprint(1))?;
    let stacks = stacks(machine)?;
    fs::write(folder.join("zstack.txt"), by_gdb(&stacks))?;
    fs::write(folder.join("findtop.txt"), by_lldb(&stacks))?;
    Ok(())
}

/// As `zprint(1)` of 10.8 prints it.
fn zprint(time: u64) -> String {
    let mut text = String::from(
        "                            elem    cur    max    cur    max    cur alloc alloc\n\
         zone name                   size   size   size  #elts  #elts  inuse  size count\n\
         -------------------------------------------------------------------------------\n",
    );
    for (name, element, count, growth) in ZONES {
        let in_use = count + time * growth;
        let kilobytes = (element * in_use).next_multiple_of(4096) / 1024;
        let (fits, most) = (kilobytes * 1024 / element, kilobytes * 2);
        let most_fit = most * 1024 / element;
        let _ = writeln!(
            text,
            "{name:<24} {element:>7} {kilobytes:>6}K {most:>6}K {fits:>6} {most_fit:>6} {in_use:>6}    4K {:>5} C",
            4096 / element
        );
    }
    text
}

/// Elements of the log with the return addresses of the kexts, the innermost first.
fn stacks(machine: &Machine) -> Result<Vec<(u64, Vec<u64>)>> {
    let zfs = &machine.zfs;
    let outer = [
        zfs.pinned("zfsdev_ioctl")?,
        machine.kernel.pinned("spec_ioctl")?,
    ];
    let counts = [9, 9, 36];
    let mut stacks = Vec::new();
    for (count, at) in counts
        .iter()
        .zip(zfs.calls("zfs_ioc_pool_create", "kernel_alloc")?)
    {
        stacks.push((*count, [&[at], outer.as_slice()].concat()));
    }
    let others = [
        zfs.call("spa_create", "kernel_alloc")?,
        zfs.pinned("zfs_ioc_pool_create")?,
    ];
    stacks.push((3, [others.as_slice(), &outer].concat()));
    Ok(stacks)
}

/// As `zstack` of `kgmacros` prints it: gdb knows the kernel, and not the kexts.
fn by_gdb(stacks: &[(u64, Vec<u64>)]) -> String {
    let mut text = String::from("oldest record is at log index 0:\n");
    let records = stacks
        .iter()
        .flat_map(|(count, stack)| (0..*count).map(move |_| stack));
    for (index, stack) in (0_u64..).zip(records) {
        let element = 0xffff_ff80_0b31_1000 + 0x80 * index;
        let _ = writeln!(
            text,
            "\n---------------- ALLOC  {element:#018x} : index {index}  :  ztime {} -------------\n",
            4_410 + 3 * index
        );
        text.push_str("0xffffff80002437fe <zalloc_canblock+78>:\tmov    %eax,-0xcc(%rbp)\n");
        text.push_str("0xffffff80002219ad <kalloc_canblock+77>:\tmov    %rax,%rbx\n");
        for address in stack {
            let _ = writeln!(text, "{address:#018x}:\tmov    %rax,%rbx");
        }
    }
    text
}

/// As `zstack_findtop` of today prints it.
fn by_lldb(stacks: &[(u64, Vec<u64>)]) -> String {
    let mut text = String::from("op       btref           count\n");
    let mut stacks: Vec<_> = stacks.iter().collect();
    stacks.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    for (index, (count, stack)) in (0_u64..).zip(stacks) {
        let _ = writeln!(
            text,
            "alloc    {:#010x} {:>10}",
            0x14_2a00 + 0x40 * index,
            count * 1000
        );
        text.push_str("    0xffffff80002437fe <mach_kernel`zalloc_ext + 78 at zalloc.c:6412>\n");
        for address in stack {
            let _ = writeln!(
                text,
                "    {address:#x} <unknown: use `addkextaddr {address:#x}` to resolve>"
            );
        }
    }
    text
}
