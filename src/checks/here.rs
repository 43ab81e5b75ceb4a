//! Checks asked from this machine: what a user of the server sees.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

use super::answer::Outcome;
use crate::desired::check::{Check, Probe};
use crate::host::http::explain;

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
            let only = url.contains("HOST").then_some(Only(host));
            let url = url.replacen("HOST", &name, 1);
            match http(&url, post.as_deref(), headers, only, expect.follows()).await {
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
        Probe::Command(_) | Probe::Measure(_) => Some("a command runs on the host only".into()),
        Probe::Exposed(_) => Some("the host must be asked first what may be open".into()),
    };
    Outcome {
        name: check.name.clone(),
        wrong,
        note: None,
    }
}

/// Resolves every name to the host that is checked: where it redirects to is asked there, too.
#[derive(Debug)]
struct Only(IpAddr);

impl Resolve for Only {
    fn resolve(&self, _: Name) -> Resolving {
        let address = SocketAddr::new(self.0, 0);
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as Addrs) })
    }
}

async fn http(
    url: &str,
    post: Option<&str>,
    headers: &[(String, String)],
    only: Option<Only>,
    follow: bool,
) -> Result<(u16, String), String> {
    let redirects = if follow {
        Policy::limited(5)
    } else {
        Policy::none()
    };
    let mut client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .redirect(redirects);
    if let Some(only) = only {
        client = client.dns_resolver(Arc::new(only));
    }
    let client = client.build().map_err(|error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::check::{Expected, From};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Answers `/` with a redirect to a name that is in no DNS, everything else with `ok`.
    async fn site() -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let answer = match request[..read].starts_with(b"GET / ") {
                    true => format!("HTTP/1.1 301 M\r\nlocation: http://site.invalid:{port}/x\r\n"),
                    false => "HTTP/1.1 200 OK\r\n".to_owned(),
                };
                let answer = format!("{answer}content-length: 2\r\nconnection: close\r\n\r\nok");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    #[tokio::test]
    async fn a_redirect_to_the_sites_name_is_followed_on_the_host_that_is_checked() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let port = site().await;
        let check = |status: u32| Check {
            name: "site".into(),
            probe: Probe::Http {
                url: format!("http://HOST:{port}/"),
                post: None,
                headers: Vec::new(),
                expect: Expected {
                    status,
                    json: Vec::new(),
                    contains: None,
                },
            },
            from: From::Here,
            within: 1,
        };
        let host = "127.0.0.1".parse().expect("an address");
        assert_eq!(ask(&check(200), host).await.wrong, None);
        assert_eq!(ask(&check(301), host).await.wrong, None);
    }
}
