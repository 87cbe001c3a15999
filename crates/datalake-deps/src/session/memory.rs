//! Sizes as people write them, and what the machine and the kernel say about memory.

use std::path::{Path, PathBuf};

/// Reads a size: `6GB` (10^9), `512MiB` (2^20), `6g` as in Spark and Java (2^30), or plain bytes. None where the
/// text is no such size or does not fit into 64 bits.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000_u64.pow(2),
        "gb" => 1000_u64.pow(3),
        "tb" => 1000_u64.pow(4),
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The most memory that this process ever held, in bytes; none where the kernel does not say.
#[must_use]
pub fn peak_memory_bytes() -> Option<u64> {
    kib_field(&fs_err::read_to_string("/proc/self/status").ok()?, "VmHWM")
}

/// What this process may use: the machine's memory, or the least limit of its control groups. `root` is `/`.
pub(super) fn available_bytes(root: &Path) -> Option<u64> {
    let read = |path: &Path| fs_err::read_to_string(path).ok();
    let machine = read(&root.join("proc/meminfo")).and_then(|text| kib_field(&text, "MemTotal"));
    let groups = read(&root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups
        .lines()
        .flat_map(limit_files)
        .filter_map(|path| read(&root.join(path))?.trim().parse().ok());
    machine.into_iter().chain(limits).min()
}

/// The files that may limit the group of one line of `/proc/self/cgroup`, `ID:CONTROLLERS:PATH`: its own and those
/// of all groups that it is in.
fn limit_files(line: &str) -> Vec<PathBuf> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (mount, file) = if controllers.is_empty() {
        ("sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|name| name == "memory") {
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return Vec::new();
    };
    let group = Path::new(group.trim_start_matches('/'));
    group
        .ancestors()
        .map(|group| Path::new(mount).join(group).join(file))
        .collect()
}

/// The value of a line `Name:   123 kB`, in bytes.
fn kib_field(text: &str, name: &str) -> Option<u64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_ten_and_two() {
        let cases = [
            ("6GB", 6_000_000_000),
            ("512MiB", 536_870_912),
            ("6g", 6_442_450_944),
            ("1 kb", 1000),
            ("1KiB", 1024),
            ("2k", 2048),
            ("3m", 3_145_728),
            ("3MB", 3_000_000),
            ("1gib", 1_073_741_824),
            ("1TB", 1_000_000_000_000),
            ("1t", 1_099_511_627_776),
            ("1tib", 1_099_511_627_776),
            (" 42 ", 42),
            ("42b", 42),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "GB",
            "1.5GB",
            "-1",
            "1 G B",
            "1XB",
            "99999999999TB",
            "18446744073709551616",
        ] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        available_bytes(root.path())
    }

    #[test]
    fn the_least_limit_of_machine_and_groups_counts() {
        let meminfo = ("proc/meminfo", "MemFree: 1 kB\nMemTotal:       16000 kB\n");
        assert_eq!(machine(&[]), None);
        assert_eq!(machine(&[meminfo]), Some(16_384_000));
        let second = ("proc/self/cgroup", "0::/a/b\n");
        let unlimited = ("sys/fs/cgroup/a/b/memory.max", "max\n");
        assert_eq!(machine(&[meminfo, second, unlimited]), Some(16_384_000));
        let parent = ("sys/fs/cgroup/a/memory.max", "5000\n");
        assert_eq!(machine(&[meminfo, second, unlimited, parent]), Some(5000));
        let top = ("sys/fs/cgroup/memory.max", "4000\n");
        assert_eq!(machine(&[meminfo, second, parent, top]), Some(4000));
        let first = ("proc/self/cgroup", "7:cpu,cpuacct:/a\n6:memory,x:/a\n");
        let limit = ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3000\n");
        assert_eq!(machine(&[meminfo, first, limit, parent]), Some(3000));
        let huge = (
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        assert_eq!(machine(&[meminfo, first, huge]), Some(16_384_000));
    }

    #[test]
    fn the_peak_is_that_of_this_process() {
        let peak = peak_memory_bytes().unwrap();
        assert!(peak > 1_000_000, "{peak}");
        assert_eq!(kib_field("VmHWM:\t    2048 kB\n", "VmHWM"), Some(2_097_152));
        assert_eq!(kib_field("VmHWMx: 1 kB\n", "VmHWM"), None);
    }
}
