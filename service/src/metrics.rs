//! What `/metrics` tells, under the names that the document's dashboards read.

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// How a source is now.
#[derive(Debug)]
pub struct State {
    /// Its name.
    pub source: &'static str,
    /// The weight spent on it this minute.
    pub weight: u32,
    /// Whether it failed and is left alone.
    pub is_down: bool,
    /// What is left of a pause that it asked for, in seconds.
    pub paused: u64,
}

/// The counters of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    tools: IntCounterVec,
    cache: IntCounterVec,
    upstream: IntCounterVec,
    weight: IntGaugeVec,
    circuit: IntGaugeVec,
    paused: IntGaugeVec,
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// When two metrics share a name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["source"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let duration = HistogramOpts::new(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's head.",
        )
        .buckets(vec![
            0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0,
        ]);
        let duration = HistogramVec::new(duration, &["route"])?;
        registry.register(Box::new(duration.clone()))?;
        Ok(Self {
            requests: counter(
                "http_requests_total",
                "Requests answered.",
                &["method", "route", "status"],
            )?,
            tools: counter(
                "mcp_tool_calls_total",
                "Tool calls over MCP.",
                &["tool", "outcome"],
            )?,
            cache: counter(
                "cache_lookups_total",
                "Answers wanted, by where they came from.",
                &["outcome"],
            )?,
            upstream: counter(
                "upstream_requests_total",
                "Requests sent to a source.",
                &["source", "outcome"],
            )?,
            weight: gauge("upstream_weight_used", "Weight spent on a source this minute.")?,
            circuit: gauge("upstream_circuit_open", "1 while a failing source is left alone.")?,
            paused: gauge(
                "upstream_paused_seconds",
                "What is left of a pause that a source asked for.",
            )?,
            duration,
            registry,
        })
    }

    /// One request was answered.
    pub fn request(&self, method: &str, route: &str, status: &str, seconds: f64) {
        self.requests.with_label_values(&[method, route, status]).inc();
        self.duration.with_label_values(&[route]).observe(seconds);
    }

    /// One tool was called over MCP.
    pub fn tool(&self, tool: &str, outcome: &str) {
        self.tools.with_label_values(&[tool, outcome]).inc();
    }

    /// Answers were wanted: `hit`, `miss`, `stale` or `failed`.
    pub fn cache(&self, outcome: &str, number: u64) {
        self.cache.with_label_values(&[outcome]).inc_by(number);
    }

    /// One request was sent: `ok`, `refused`, `limited` or `failed`.
    pub fn upstream(&self, source: &str, outcome: &str) {
        self.upstream.with_label_values(&[source, outcome]).inc();
    }

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn text(&self, states: impl Iterator<Item = State>) -> Result<Vec<u8>, prometheus::Error> {
        for state in states {
            let labels = [state.source];
            self.weight.with_label_values(&labels).set(state.weight.into());
            self.circuit.with_label_values(&labels).set(state.is_down.into());
            let paused = i64::try_from(state.paused).unwrap_or(i64::MAX);
            self.paused.with_label_values(&labels).set(paused);
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
