//! Programs that a site hands requests on to by name: two instances of each take turns.
//!
//! Which of them answers nginx asks the disk with each request, and is not reloaded: a reload closes the connections that
//! wait for their next request, and whoever sends it just then loses it (`ngx_close_idle_connections` in nginx's
//! `ngx_connection.c`; `keepalive_min_timeout` mends that from 1.27.4 on). A file that is looked for costs a call of
//! stat(2).

use serde_json::{Value, json};

use crate::language::scope::nearest;
use crate::language::{Problem, Render};
use crate::resources::instances::TakesTurns;

/// A name as a part of one of nginx's variables, which are everybody's.
pub(super) fn letters(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// nginx's variable for the group of servers that a program's requests go to.
pub(super) fn variable(site: &str, program: &str) -> String {
    format!("$instance_{}_{}", letters(site), letters(program))
}

/// These programs, for the template of a site.
///
/// # Errors
/// When one of them is not there, or has no instances.
pub(super) fn values(site: &str, programs: &[String], cx: &Render<'_>) -> Result<Vec<Value>, Problem> {
    programs.iter().map(|program| value(site, program, cx)).collect()
}

fn value(site: &str, program: &str, cx: &Render<'_>) -> Result<Value, Problem> {
    let mut known = cx.announced::<TakesTurns>();
    let Some(turns) = known.find(|turns| turns.program == program) else {
        let names = cx.announced::<TakesTurns>().map(|turns| turns.program.as_str());
        let near = nearest(program, names);
        return Err(Problem::missing(
            format!("no program `{program}` has `instances`{near}"),
            "name one that has or an entry of the site's `upstreams`, or write an address: `127.0.0.1:8080`",
        ));
    };
    let [first, second] = turns.ports;
    let group = |port: u16| format!("{site}.{program}.{port}");
    Ok(json!({
        "program": program,
        "variable": variable(site, program),
        "first": group(first),
        "second": group(second),
        "turned": turns.turned(),
        "groups": [
            { "name": group(first), "port": first, "other": second },
            { "name": group(second), "port": second, "other": first },
        ],
    }))
}
