//! x
use kstack_parse::{Limits, parse};
fn main() {
    let full = std::env::args().nth(2).is_some();
    let bytes = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    match parse(&bytes, &Limits::default()) {
        Err(e) => println!("ERR {e}"),
        Ok(reports) => {
            for r in reports {
                if full {
                    println!("{r:#x?}");
                    continue;
                }
                let fr: usize = r
                    .processes
                    .iter()
                    .flat_map(|p| &p.threads)
                    .flat_map(|t| &t.stacks)
                    .map(|s| s.frames.len())
                    .sum();
                println!(
                    "{} [{:?}] frames {} images {} slides {} procs {} threads {} {:?}",
                    r.format,
                    r.variant,
                    fr,
                    r.kernel.images.len(),
                    r.kernel.slides.len(),
                    r.processes.len(),
                    r.processes.iter().map(|p| p.threads.len()).sum::<usize>(),
                    r.kernel.basis
                );
                println!("  machine {:?}", r.machine);
                for f in r.facts.iter().take(12) {
                    println!("  fact {}: {:.150?}", f.name, f.value);
                }
                for p in r.processes.iter().take(3) {
                    println!("  process {:?} {:?}", p.pid, p.name);
                    for t in p.threads.iter().take(3) {
                        println!("    thread {:?} {:?}", t.id, t.name);
                        for f in t.facts.iter().take(6) {
                            println!("      {}: {:.200?}", f.name, f.value);
                        }
                        for s in &t.stacks {
                            println!(
                                "      {:?} {} frames {:?}; ips: {:?}",
                                s.side,
                                s.frames.len(),
                                s.end,
                                s.frames
                                    .iter()
                                    .enumerate()
                                    .filter(|(_, f)| f.kind
                                        == kstack_model::FrameKind::InstructionPointer)
                                    .map(|(i, f)| (i, f.at))
                                    .collect::<Vec<_>>()
                            );
                        }
                    }
                }
                for n in &r.notes {
                    println!("  NOTE {n}");
                }
            }
        }
    }
}
