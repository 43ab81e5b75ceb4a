//! Checks asked from this machine: what a user of the server sees.

use std::net::IpAddr;
use std::time::Duration;

use super::{Check, Outcome, Probe};

/// Asks a check once. `HOST` in its address stands for `host`.
pub async fn ask(check: &Check, host: IpAddr) -> Outcome {
    let name = match host {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let wrong = match &check.probe {
        Probe::Http {
            url,
            post,
            headers,
            expect,
        } => {
            let url = url.replacen("HOST", &name, 1);
            match http(&url, post.as_deref(), headers).await {
                Ok((status, body)) => expect.judge(status, &body),
                Err(error) => Some(format!("{url} does not answer: {error}")),
            }
        }
        Probe::Tcp(address) => {
            let address = address.replacen("HOST", &name, 1);
            let connect = tokio::net::TcpStream::connect(&address);
            match tokio::time::timeout(Duration::from_secs(5), connect).await {
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(format!("nothing takes a connection at {address}: {error}")),
                Err(_) => Some(format!("{address} did not answer within 5 s")),
            }
        }
        Probe::Command(_) => Some("a command runs on the host only".into()),
    };
    Outcome {
        name: check.name.clone(),
        wrong,
    }
}

async fn http(url: &str, post: Option<&str>, headers: &[(String, String)]) -> Result<(u16, String), String> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| error.to_string())?;
    let mut request = match post {
        Some(body) => client.post(url).body(body.to_owned()),
        None => client.get(url),
    };
    if post.is_some()
        && !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = request.send().await.map_err(explain)?;
    let status = response.status().as_u16();
    Ok((status, response.text().await.map_err(explain)?))
}

/// An error with its causes, without the URL that its message stands behind.
fn explain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
