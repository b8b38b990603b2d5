# Builds from source; a tap copies this file and states url and sha256 of a release.
class Kstack < Formula
  desc "Names the bare addresses of macOS kernel hangs and panics"
  homepage "https://github.com/kstack-rs/kstack"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/kstack-rs/kstack.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "crates/kstack-cli")
    generate_completions_from_executable(bin/"kstack", "completions")
    system bin/"kstack", "manual", man1
  end

  test do
    (testpath/"trace.panic").write <<~EOS
      panic(cpu 0 caller 0xffffff80002b3d3e): "test"
      Backtrace (CPU 0), Frame : Return Address
      0xffffff80a1c33a40 : 0xffffff800021d5f6
    EOS
    assert_match "0xffffff800021d5f6", shell_output("#{bin}/kstack show trace.panic")
  end
end
