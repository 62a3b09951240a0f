//! `sys/host-info`: the machine that the server runs on, as Linux tells of it.
//!
//! Invariant: what cannot be read is left out, and makes no error: the answer is a help for people who look for one.

use crate::base::Result;
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Input, Map, Operation, Response, Route};
use serde_json::{Value, json};
use std::fs;

pub static HOST_INFO: Route<Call> = Route {
    pattern: "host-info",
    fields: &[],
    actions: &[Action::new(Operation::Read, read, "Shows the machine.")],
    exists: None,
    summary: "Shows the machine that the server runs on.",
    help: "Processors and their times, disks, memory, and the host. Amounts are bytes, times are seconds.",
    flags: ORDINARY,
};

fn read(call: &mut Call, _: &Input) -> Result<Response> {
    Ok(Response::json(json!({
        "timestamp": call.core.clock.now().rfc3339(),
        "cpu": processors(&text("/proc/cpuinfo")),
        "cpu_times": processor_times(&text("/proc/stat")),
        "disk": disks(&text("/proc/mounts")),
        "host": host(),
        "memory": memory(&text("/proc/meminfo")),
    })))
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Lines of `name : value` in paragraphs, one for each processor.
fn processors(text: &str) -> Vec<Value> {
    let paragraphs = text.split("\n\n").filter(|paragraph| paragraph.contains(':'));
    let shown = |paragraph: &str| {
        let value = |name: &str| {
            let lines = paragraph.lines().filter_map(|line| line.split_once(':'));
            let found = lines.into_iter().find(|(key, _)| key.trim() == name);
            found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let number =
            |name: &str| value(name).split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        json!({
            "cpu": number("processor"),
            "vendorId": value("vendor_id"),
            "family": value("cpu family"),
            "model": value("model"),
            "stepping": number("stepping"),
            "physicalId": value("physical id"),
            "coreId": value("core id"),
            "cores": 1,
            "modelName": value("model name"),
            "mhz": number("cpu MHz"),
            "cacheSize": number("cache size"),
            "flags": value("flags").split_whitespace().collect::<Vec<_>>(),
            "microcode": value("microcode"),
        })
    };
    paragraphs.map(shown).collect()
}

/// Linux counts in hundredths of a second.
const TICKS: f64 = 100.0;

const TIMES: [&str; 10] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guestNice"];

/// The sum over all processors comes first.
fn processor_times(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| line.starts_with("cpu"));
    let shown = |line: &str| {
        let mut words = line.split_whitespace();
        let mut times = Map::new();
        times.insert("cpu".to_owned(), words.next().unwrap_or_default().into());
        for (name, ticks) in TIMES.iter().zip(words) {
            times.insert((*name).to_owned(), (ticks.parse::<f64>().unwrap_or(0.0) / TICKS).into());
        }
        Value::Object(times)
    };
    lines.map(shown).collect()
}

/// File systems that lie on a device.
fn disks(mounts: &str) -> Vec<Value> {
    let mut shown = Vec::new();
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(device), Some(path), Some(kind)) = (words.next(), words.next(), words.next()) else { continue };
        let is_disk = device.starts_with("/dev/") || (path == "/" && kind != "rootfs");
        if let (true, Ok(state)) = (is_disk, rustix::fs::statvfs(path)) {
            let (total, free) = (state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize);
            let used = total.saturating_sub(state.f_bfree * state.f_frsize);
            let inodes_used = state.f_files.saturating_sub(state.f_ffree);
            shown.push(json!({
                "path": path,
                "fstype": kind,
                "total": total,
                "free": free,
                "used": used,
                "usedPercent": percent(used, used + free),
                "inodesTotal": state.f_files,
                "inodesUsed": inodes_used,
                "inodesFree": state.f_ffree,
                "inodesUsedPercent": percent(inodes_used, state.f_files),
            }));
        }
    }
    shown
}

#[allow(clippy::cast_precision_loss, reason = "a percentage for people")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

fn host() -> Value {
    let release = text("/etc/os-release");
    let of_release = |name: &str| {
        let lines = release.lines().filter_map(|line| line.split_once('='));
        let found = lines.into_iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.trim_matches('"').to_owned()).unwrap_or_default()
    };
    let uptime = text("/proc/uptime").split('.').next().and_then(|seconds| seconds.parse::<u64>().ok()).unwrap_or(0);
    let stat = text("/proc/stat");
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<u64>().ok()).unwrap_or(0);
    let is_process = |name: &std::ffi::OsStr| name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    json!({
        "hostname": text("/proc/sys/kernel/hostname").trim(),
        "uptime": uptime,
        "bootTime": boot,
        "procs": processes.filter(|entry| is_process(&entry.file_name())).count(),
        "os": std::env::consts::OS,
        "platform": of_release("ID"),
        "platformFamily": of_release("ID_LIKE"),
        "platformVersion": of_release("VERSION_ID"),
        "kernelVersion": text("/proc/sys/kernel/osrelease").trim(),
        "kernelArch": std::env::consts::ARCH,
    })
}

fn memory(text: &str) -> Value {
    let amount = |name: &str| -> u64 {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.into_iter().find(|(key, _)| *key == name);
        found.and_then(|(_, value)| value.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    let (total, available, free) = (amount("MemTotal"), amount("MemAvailable"), amount("MemFree"));
    let used = total.saturating_sub(available);
    json!({
        "total": total,
        "available": available,
        "used": used,
        "usedPercent": percent(used, total),
        "free": free,
        "active": amount("Active"),
        "inactive": amount("Inactive"),
        "buffers": amount("Buffers"),
        "cached": amount("Cached"),
        "dirty": amount("Dirty"),
        "shared": amount("Shmem"),
        "slab": amount("Slab"),
        "swapTotal": amount("SwapTotal"),
        "swapFree": amount("SwapFree"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_read() {
        let cpu = processors("processor\t: 0\nmodel name\t: A B\ncpu MHz\t\t: 2400.5\n\nprocessor\t: 1\n\n");
        assert_eq!((cpu.len(), &cpu[0]["modelName"], &cpu[0]["mhz"]), (2, &json!("A B"), &json!(2400.5)));
        let times = processor_times("cpu  100 0 50 1000 0 0 0 0 0 0\ncpu0 100\nintr 5\n");
        assert_eq!((times.len(), &times[0]["user"], &times[0]["idle"]), (2, &json!(1.0), &json!(10.0)));
        let memory = memory("MemTotal:       1000 kB\nMemAvailable:    250 kB\n");
        assert_eq!((&memory["used"], &memory["usedPercent"]), (&json!(768_000), &json!(75.0)));
        assert_eq!(disks("nonsense\nproc /proc proc rw 0 0\n"), Vec::<Value>::new());
    }
}
