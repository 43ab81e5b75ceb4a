//! A stand-in for Vultr's API v2, in the shapes of its public client libraries: what is ordered is pending, then
//! active; lists come in pages; a test says what goes wrong. What is ordered may be a booted host, whose user data
//! cloud-init honours.

mod http;

use std::collections::VecDeque;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use base64::prelude::{BASE64_STANDARD, Engine};
use hostwright::host::rehearsal::{BootOptions, Image, Rehearsal};
use serde_json::{Value, json};

use crate::host::wait_for;
use http::{Answer, Request};

/// The key that the stand-in takes.
pub const KEY: &str = "TESTKEY0123456789ABCDEF";
/// So many items have a page.
const PAGE: usize = 2;

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is not done; the status and the words say so.
    Status(u16, &'static str),
    /// It is not done, and the connection ends.
    Dropped,
    /// It is done, and the connection ends before the answer.
    Lost,
    /// It is done, and the answer is an error.
    Broken,
    /// An order is done, the connection ends before the answer, and so many lists do not show it yet.
    Late(usize),
}

/// Something that was ordered.
struct Instance {
    json: Value,
    user_data: String,
    /// It is asked so often before it is active.
    pending: usize,
    /// So many lists do not show it.
    hidden: usize,
    host: Option<Rehearsal>,
}

#[derive(Default)]
struct State {
    instances: Vec<Instance>,
    faults: VecDeque<(String, Fault)>,
    requests: Vec<(String, String)>,
    made: usize,
}

/// The stand-in. It ends, with all its hosts, when it is dropped.
pub struct Vultr {
    url: String,
    state: Arc<Mutex<State>>,
    image: Option<Image>,
    pending: usize,
}

impl Vultr {
    /// Answers at a port of its own. What is ordered boots from `image`, and is active when it has been asked for
    /// `pending` times; without an image it never answers.
    pub fn start(image: Option<Image>, pending: usize) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let this = Arc::new(Self {
            url,
            state: Arc::default(),
            image,
            pending,
        });
        // The listener lives as long as the test's process; who has dropped the stand-in asks it no more.
        let served = Arc::downgrade(&this);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(this) = served.upgrade() else { return };
                thread::spawn(move || http::serve(stream, |request| this.answer(request)));
            }
        });
        this
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test has failed while it held this")
    }

    /// Lets the next request that begins so (`GET /v2/instances?tag=`) go wrong; each fault counts once.
    pub fn fail(&self, request: &str, fault: Fault) {
        self.state().faults.push_back((request.to_owned(), fault));
    }

    /// How often a request was made that begins so.
    pub fn count(&self, request: &str) -> usize {
        let state = self.state();
        let made = state
            .requests
            .iter()
            .filter(|(line, _)| line.starts_with(request));
        made.count()
    }

    /// The bodies of the requests that begin so.
    pub fn bodies(&self, request: &str) -> Vec<Value> {
        let state = self.state();
        let made = state
            .requests
            .iter()
            .filter(|(line, _)| line.starts_with(request));
        made.map(|(_, body)| serde_json::from_str(body).expect("JSON"))
            .collect()
    }

    /// The labels of the machines there are.
    pub fn labels(&self) -> Vec<String> {
        let state = self.state();
        let labels = state.instances.iter().map(|one| one.json["label"].as_str());
        labels.map(|label| label.unwrap_or_default().to_owned()).collect()
    }

    /// The user data of the one machine there is.
    pub fn user_data(&self) -> String {
        self.state().instances[0].user_data.clone()
    }

    /// A machine that somebody else ordered.
    pub fn add(&self, label: &str, tags: &[&str]) {
        let order =
            json!({ "label": label, "tags": tags, "region": "sgp", "plan": "vc2-1c-1gb", "os_id": 2136 });
        let mut state = self.state();
        let json = fresh(state.made, &order);
        state.made += 1;
        let instance = Instance {
            json,
            user_data: String::new(),
            pending: usize::MAX,
            hidden: 0,
            host: None,
        };
        state.instances.push(instance);
    }

    /// Says something else of the one machine there is.
    pub fn set(&self, key: &str, value: Value) {
        self.state().instances[0].json[key] = value;
    }

    /// Runs a script on the one host, once it has been switched on.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        wait_for("a host is switched on", || {
            let state = self.state();
            let host = state.instances[0].host.as_ref();
            host.is_some_and(|host| {
                host.exec("systemctl is-system-running")
                    .is_ok_and(|answer| !answer.stdout.is_empty())
            })
        });
        let state = self.state();
        let host = state.instances[0].host.as_ref().expect("a host");
        let output = host.exec(script).expect("the host runs");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(
            output.status.success(),
            "{script}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// The program, with a home of its own.
    pub fn hostwright(&self, home: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command
            .env("HOSTWRIGHT_VULTR_API", &self.url)
            .env("VULTR_API_KEY", KEY)
            .env("HOME", home)
            .env("NO_COLOR", "1")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        for variable in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(variable);
        }
        command
    }

    fn answer(self: &Arc<Self>, request: &Request) -> Option<Answer> {
        let line = format!("{} {}?{}", request.method, request.path, request.query);
        let fault = {
            let mut state = self.state();
            state.requests.push((line.clone(), request.body.clone()));
            let at = state.faults.iter().position(|(begin, _)| line.starts_with(begin));
            at.and_then(|at| state.faults.remove(at))
        };
        match fault {
            Some((_, Fault::Dropped)) => return None,
            Some((_, Fault::Status(status, words))) => return Some(error(status, words)),
            _ => {}
        }
        let answer = match request.authorization == format!("Bearer {KEY}") {
            true => self.route(request),
            false => error(401, "Invalid API token."),
        };
        match fault {
            Some((_, Fault::Lost)) => None,
            Some((_, Fault::Late(lists))) => {
                if let Some(instance) = self.state().instances.last_mut() {
                    instance.hidden = lists;
                }
                None
            }
            Some((_, Fault::Broken)) => Some(error(502, "Bad Gateway")),
            _ => Some(answer),
        }
    }

    fn route(self: &Arc<Self>, request: &Request) -> Answer {
        let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["v2", "plans"]) => page(request, "plans", plans()),
            ("GET", ["v2", "regions"]) => page(request, "regions", regions()),
            ("GET", ["v2", "os"]) => page(request, "os", images()),
            ("GET", ["v2", "instances"]) => {
                let has = |json: &Value, key: &str| {
                    request.query(key).is_none_or(|wanted| match key {
                        "tag" => json["tags"]
                            .as_array()
                            .is_some_and(|tags| tags.contains(&json!(wanted))),
                        _ => json[key] == json!(wanted),
                    })
                };
                let mut state = self.state();
                let mut found = Vec::new();
                for instance in &mut state.instances {
                    let is_shown = instance.hidden == 0;
                    instance.hidden = instance.hidden.saturating_sub(1);
                    if is_shown && has(&instance.json, "label") && has(&instance.json, "tag") {
                        found.push(without_password(instance.json.clone()));
                    }
                }
                page(request, "instances", found)
            }
            ("POST", ["v2", "instances"]) => self.create(request),
            (method, ["v2", "instances", id]) => self.one(method, id, request),
            _ => error(404, "Invalid API path."),
        }
    }

    fn create(self: &Arc<Self>, request: &Request) -> Answer {
        let Ok(order) = serde_json::from_str::<Value>(&request.body) else {
            return error(400, "Invalid JSON.");
        };
        let has = |list: Vec<Value>, key: &str| list.iter().any(|one| one["id"] == order[key]);
        if !has(regions(), "region") {
            return error(400, "Invalid region.");
        }
        if !has(plans(), "plan") {
            return error(400, "Invalid plan.");
        }
        if !images().iter().any(|one| one["id"] == order["os_id"]) {
            return error(400, "Invalid os_id.");
        }
        let encoded = order["user_data"].as_str().unwrap_or_default();
        let Some(user_data) = BASE64_STANDARD
            .decode(encoded)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
        else {
            return error(400, "Invalid user_data.");
        };
        let mut state = self.state();
        let json = fresh(state.made, &order);
        state.made += 1;
        state.instances.push(Instance {
            json: json.clone(),
            user_data: user_data.clone(),
            pending: self.pending,
            hidden: 0,
            host: None,
        });
        if let Some(image) = self.image.clone() {
            let (this, id) = (Arc::clone(self), json["id"].clone());
            let name = order["hostname"].as_str().map(str::to_owned);
            thread::spawn(move || this.boot(&image, name, user_data, &id));
        }
        (202, json!({ "instance": json }))
    }

    fn boot(&self, image: &Image, name: Option<String>, user_data: String, id: &Value) {
        let options = BootOptions {
            name,
            user_data: Some(user_data),
            note: None,
        };
        let host = Rehearsal::boot(image, &options).expect("a host");
        let mut state = self.state();
        if let Some(instance) = state.instances.iter_mut().find(|one| one.json["id"] == *id) {
            instance.host = Some(host);
        }
    }

    fn one(&self, method: &str, id: &str, request: &Request) -> Answer {
        let mut state = self.state();
        let Some(at) = state.instances.iter().position(|one| one.json["id"] == id) else {
            return error(404, "Invalid instance.");
        };
        let instance = &mut state.instances[at];
        match method {
            "GET" => {
                instance.pending = instance.pending.saturating_sub(1);
                if let (0, Some(host)) = (instance.pending, &instance.host) {
                    instance.json["status"] = json!("active");
                    instance.json["main_ip"] = json!(host.address());
                }
                (
                    200,
                    json!({ "instance": without_password(instance.json.clone()) }),
                )
            }
            "PATCH" => {
                let changes: Value = serde_json::from_str(&request.body).unwrap_or_default();
                if let Some(encoded) = changes["user_data"].as_str() {
                    let bytes = BASE64_STANDARD.decode(encoded).unwrap_or_default();
                    instance.user_data = String::from_utf8_lossy(&bytes).into_owned();
                }
                (202, json!({ "instance": instance.json }))
            }
            "DELETE" => {
                let gone = state.instances.remove(at);
                drop(state);
                drop(gone);
                (204, Value::Null)
            }
            _ => error(405, "Method not allowed."),
        }
    }
}

/// What Vultr says of an order that it has just taken.
fn fresh(number: usize, order: &Value) -> Value {
    json!({
        "id": format!("14b3e7d6-ffb5-4994-8502-{number:012}"),
        "os": "Debian 12 x64 (bookworm)", "ram": 2048, "disk": 55, "main_ip": "0.0.0.0", "vcpu_count": 1,
        "region": order["region"], "plan": order["plan"], "date_created": "2026-11-28T15:00:00+00:00",
        "status": "pending", "allowed_bandwidth": 2000, "netmask_v4": "", "gateway_v4": "0.0.0.0",
        "power_status": "running", "server_status": "none", "v6_network": "", "v6_main_ip": "", "v6_network_size": 0,
        "label": order["label"], "internal_ip": "", "kvm": "", "hostname": order["hostname"], "tags": order["tags"],
        "os_id": order["os_id"], "app_id": 0, "image_id": "", "firewall_group_id": "", "features": [],
        "user_scheme": "root", "default_password": "v5{Fvn*A.LbSg7_K",
    })
}

/// The first password is told once.
fn without_password(mut instance: Value) -> Value {
    if let Some(fields) = instance.as_object_mut() {
        fields.remove("default_password");
    }
    instance
}

fn error(status: u16, words: &str) -> Answer {
    (status, json!({ "error": words, "status": status }))
}

/// One page of a list, from the cursor on.
fn page(request: &Request, name: &str, items: Vec<Value>) -> Answer {
    let cursor = request.query("cursor");
    let at = cursor
        .and_then(|cursor| cursor.trim_start_matches("bmV4dF9f").parse().ok())
        .unwrap_or(0);
    let size = request
        .query("per_page")
        .and_then(|size| size.parse().ok())
        .unwrap_or(100)
        .min(PAGE);
    let total = items.len();
    let shown: Vec<Value> = items.into_iter().skip(at).take(size).collect();
    let next = match at + shown.len() < total {
        true => format!("bmV4dF9f{}", at + shown.len()),
        false => String::new(),
    };
    (
        200,
        json!({ name: shown, "meta": { "total": total, "links": { "next": next, "prev": "" } } }),
    )
}

fn plans() -> Vec<Value> {
    let plan = |id: &str, ram: u32, disk: u32, cost: f64, locations: &[&str]| {
        json!({
            "id": id, "vcpu_count": 1, "ram": ram, "disk": disk, "disk_count": 1, "bandwidth": 2048,
            "monthly_cost": cost, "type": "vc2", "locations": locations,
        })
    };
    vec![
        plan("vc2-1c-1gb", 1024, 25, 5.0, &["ams", "sgp"]),
        plan("vc2-1c-2gb", 2048, 55, 10.0, &["ams", "sgp"]),
        plan("vc2-1c-0.5gb", 512, 10, 3.5, &["ams"]),
    ]
}

fn regions() -> Vec<Value> {
    let region = |id: &str, city: &str, country: &str, continent: &str| json!({ "id": id, "city": city, "country": country, "continent": continent, "options": ["ddos_protection"] });
    vec![
        region("ams", "Amsterdam", "NL", "Europe"),
        region("ewr", "New Jersey", "US", "North America"),
        region("sgp", "Singapore", "SG", "Asia"),
    ]
}

fn images() -> Vec<Value> {
    let image = |id: u32, name: &str, family: &str| json!({ "id": id, "name": name, "arch": "x64", "family": family });
    vec![
        image(124, "Windows 2012 R2 x64", "windows"),
        image(2136, "Debian 12 x64 (bookworm)", "debian"),
        image(2284, "Ubuntu 24.04 LTS x64", "ubuntu"),
    ]
}
