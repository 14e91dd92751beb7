//! What is said at the end: a table for people, JSON for machines, and where a budget (docs/benches.md) is met and where it isn't.

use serde_json::{Value, json};

use crate::load::Window;

/// One path, measured of us and of its floor in turn.
pub struct Path {
    pub name: &'static str,
    pub connections: usize,
    pub ours: Vec<Window>,
    pub floor: Vec<Window>,
    /// The upstream itself, without anybody in front.
    pub direct: Vec<Window>,
    /// How many times the floor it may cost.
    pub ratio: Option<f64>,
    /// How much longer than the upstream alone half of the requests may take, in milliseconds.
    pub added: Option<f64>,
    /// What is counted, where it is not requests.
    pub unit: &'static str,
}

impl Path {
    pub fn new(name: &'static str, connections: usize) -> Self {
        Self { name, connections, ours: Vec::new(), floor: Vec::new(), direct: Vec::new(), ratio: None, added: None, unit: "requests" }
    }

    /// Of the rounds' own ratios, the middle one: what a round's neighbours took, both sides lost.
    pub fn times_floor(&self) -> Option<f64> {
        median(self.ours.iter().zip(&self.floor).map(|(ours, floor)| ours.cpu_micros / floor.cpu_micros))
    }

    pub fn added_ms(&self) -> Option<f64> {
        self.added_by(&self.ours)
    }

    /// How much longer than without them; of the floor too, for the disk's time is in both.
    fn added_by(&self, windows: &[Window]) -> Option<f64> {
        median(windows.iter().zip(&self.direct).map(|(window, direct)| (window.p50_micros - direct.p50_micros) / 1000.0))
    }

    pub fn failed(&self) -> u64 {
        self.ours.iter().chain(&self.floor).chain(&self.direct).map(|window| window.failed).sum()
    }

    /// Met, or not; nothing where there is no budget.
    pub fn met(&self) -> Option<bool> {
        let ratio = self.ratio.zip(self.times_floor()).map(|(most, is)| is <= most);
        let added = self.added.zip(self.added_ms()).map(|(most, is)| is <= most);
        match (ratio, added) {
            (None, None) => None,
            (ratio, added) => Some(ratio.unwrap_or(true) && added.unwrap_or(true) && self.failed() == 0),
        }
    }

    pub fn line(&self) -> String {
        let show = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        let of = |windows: &[Window], part: fn(&Window) -> f64| {
            median(windows.iter().map(part)).map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"))
        };
        let rate = |window: &Window| window.counted as f64 / window.seconds;
        let budget = match (self.ratio, self.added) {
            (None, None) => "–".to_owned(),
            (ratio, added) => [ratio.map(|most| format!("≤ {most}×")), added.map(|most| format!("≤ {most} ms"))]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
        };
        let met = match self.met() {
            None => "",
            Some(true) => "pass",
            Some(false) => "MISS",
        };
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {budget} | {met} |",
            self.name,
            self.connections,
            of(&self.ours, rate),
            of(&self.floor, rate),
            of(&self.ours, |window| window.cpu_micros),
            of(&self.floor, |window| window.cpu_micros),
            show(self.times_floor()),
            of(&self.ours, |window| window.p50_micros),
            of(&self.floor, |window| window.p50_micros),
            of(&self.ours, |window| window.p99_micros),
            show(self.added_ms()),
            show(self.added_by(&self.floor)),
        )
    }

    pub fn json(&self) -> Value {
        let window = |window: &Window| {
            json!({
                "counted": window.counted, "failed": window.failed, "seconds": window.seconds, "cpu_micros": window.cpu_micros,
                "p50_micros": window.p50_micros, "p99_micros": window.p99_micros, "memory_mib": window.memory_mib,
            })
        };
        let all = |windows: &[Window]| windows.iter().map(window).collect::<Vec<_>>();
        json!({
            "path": self.name, "connections": self.connections, "unit": self.unit, "times_floor": self.times_floor(), "added_ms": self.added_ms(), "floor_added_ms": self.added_by(&self.floor),
            "most_times_floor": self.ratio, "most_added_ms": self.added, "met": self.met(),
            "ours": all(&self.ours), "floor": all(&self.floor), "direct": all(&self.direct),
        })
    }
}

/// What one process alone must keep to.
pub struct Limit {
    pub what: &'static str,
    pub is: f64,
    pub most: Option<f64>,
    pub unit: &'static str,
}

impl Limit {
    pub fn line(&self) -> String {
        let Self { what, is, most, unit } = self;
        let budget = most.map_or_else(|| "–".to_owned(), |most| format!("≤ {most} {unit}"));
        let met = most.map_or("", |most| if *is <= most { "pass" } else { "MISS" });
        format!("| {what} | {is:.1} {unit} | {budget} | {met} |")
    }
}

pub const LIMITS_HEAD: &str = "\n| alone | | budget | |\n| --- | --- | --- | --- |";

pub const HEAD: &str = "\
| path | connections | per second | floor | CPU µs | floor | × floor | p50 µs | floor | p99 µs | added p50 ms | floor | budget | |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
