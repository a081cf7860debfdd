//! What the machine is, and what a process used of it, as Linux tells.

use anyhow::Context as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Ticks of a second in `/proc/PID/stat`; Linux shows all programs 100.
const TICKS_PER_SECOND: u64 = 100;

/// One line that describes the machine and the disk under `folder`.
pub fn describe(folder: &Path) -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory_gib = field("/proc/meminfo", "MemTotal").and_then(|kib| number(&kib)).unwrap_or(0) >> 20;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let disk = file_system(folder);
    format!("{cpu}, {cores} cores, {memory_gib} GiB, Linux {}, data on {disk}", kernel.trim())
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let value = |line: &str| {
        line.split_once(':').filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
    };
    text.lines().find_map(value)
}

fn number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The type of the file system with the longest mount point above `folder`.
fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let of_line = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?.to_owned(), words.next()?.to_owned());
        folder.starts_with(&point).then_some((point.len(), kind))
    };
    mounts.lines().filter_map(of_line).max().map_or_else(|| "an unknown file system".to_owned(), |(_, kind)| kind)
}

/// What a process used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Most memory it ever held.
    pub peak_rss_bytes: u64,
    /// Bytes it gave to the system to write, to files and (a few) to clients.
    /// Not `write_bytes`: where 12 KB of a large folio of the page cache change,
    /// that counts its 2 MB, of which the disk gets the 12 KB.
    pub written_bytes: u64,
    /// Time on the processors.
    pub cpu: Duration,
}

impl Usage {
    /// Of the running process `pid`.
    ///
    /// # Errors
    /// If it does not run, or belongs to somebody else.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let of = |file: &str, name: &str| {
            let path = format!("/proc/{pid}/{file}");
            field(&path, name).and_then(|text| number(&text)).with_context(|| format!("read {name} of {path}"))
        };
        Ok(Self {
            peak_rss_bytes: of("status", "VmHWM")? << 10,
            written_bytes: of("io", "wchar")?,
            cpu: cpu_time(pid)?,
        })
    }
}

/// User and system time: the 14th and 15th field, the second being a name in
/// parentheses that may hold anything.
fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let fields = text.rsplit_once(')').with_context(|| format!("read {path}"))?.1;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * (1000 / TICKS_PER_SECOND)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_looked_at() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.peak_rss_bytes > 1 << 20, "{usage:?}");
        assert!(Usage::of(u32::MAX).is_err());
        assert!(describe(Path::new("/")).contains("cores"));
    }
}
