//! The playbook's own certificate: it and its key stand on the host as two files that nginx loads together.

use schemars::JsonSchema;
use serde::Deserialize;

use super::pem::{Life, holds_key, read};
use crate::change::{Change, Content, Id, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::{LocalPath, Text, optional};
use crate::language::{Problem, Render};
use crate::managed::file::ManagedFile;
use crate::resources::certbot::Issued;

/// A certificate and its key. Exactly one of `source` and `content` says what the certificate is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Own {
    /// A file of this machine, relative to the playbook: the certificate in PEM, and after it those that lead to the
    /// authority's.
    #[serde(default, deserialize_with = "optional")]
    pub source: Option<LocalPath>,
    /// The same as a text.
    #[serde(default, deserialize_with = "optional")]
    pub content: Option<Text>,
    /// Its private key in PEM, which opens without a password: an entry of `secrets`.
    pub key: Text,
}

impl Own {
    /// Puts it in place. That the key is the certificate's, and that it is for all its names, is proved here.
    pub(in crate::resources) fn render(&self, issued: Issued, cx: &mut Render<'_>) -> Result<(), Problem> {
        let chain = match (&self.source, &self.content) {
            (Some(source), None) => cx.local_file(&source.0)?,
            (None, Some(text)) => cx.content(lines(&text.0)),
            _ => {
                return Err(Problem::new(
                    "a certificate comes from one place",
                    "give `own` exactly one of `source` and `content`",
                ));
            }
        };
        // All on the host may read it, and so may whoever sees the plan.
        if holds_key(&chain.bytes) {
            return Err(Problem::new(
                "a private key stands in the file of the certificate, which is there for all to read",
                "leave the certificates alone in it, and give `key` the key, from `secrets`",
            ));
        }
        let key = cx.content(lines(&self.key.0));
        if !key.secret {
            return Err(Problem::new(
                "the private key stands in the playbook for all to read",
                "take it from `secrets`: `key: \"${shop_key}\"`",
            ));
        }
        let life = read(&chain.bytes, &key.bytes, &issued.domains)?;
        let file = |name: &str, content: Content| {
            ManagedFile::new(format!("{}/{name}.pem", issued.directory), content)
        };
        let files = [file("fullchain", chain), file("privkey", key).mode("0600")];
        cx.push(Installed { issued, life, files });
        Ok(())
    }
}

/// A text as a file holds it.
fn lines(text: &str) -> Vec<u8> {
    format!("{}\n", text.trim_end()).into_bytes()
}

/// A certificate of the playbook's on a host.
#[derive(Debug)]
struct Installed {
    issued: Issued,
    life: Life,
    files: [ManagedFile; 2],
}

impl Resource for Installed {
    fn id(&self) -> &Id {
        &self.issued.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.issued.directory.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        self.files.iter().flat_map(ManagedFile::needs).collect()
    }

    fn version(&self) -> Option<String> {
        // Of the key nothing is told: where it is another one, so is the certificate.
        Some(sha256(self.files[0].content.sha256.as_bytes()))
    }

    fn paths(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.path.as_str()).collect()
    }

    fn remains(&self) -> Remains {
        let mut remains = Remains::default();
        self.files.iter().for_each(|file| remains.extend(file.remains()));
        remains
    }

    fn ask(&self, questions: &mut Questions) {
        self.files.iter().for_each(|file| file.ask(questions));
        questions.script(self.issued.id.as_str(), self.life.question());
    }

    fn remark(&self, cx: &Context<'_>) -> Option<String> {
        self.life.remark(cx.facts.output(self.issued.id.as_str()))
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let mut change = self.files[0].change(cx, &self.issued.id);
        let mut differs = false;
        for file in &self.files {
            differs |= file.diff_into(cx, &mut change)?;
        }
        if !differs {
            return Ok(Vec::new());
        }
        self.life
            .refuse(&self.issued.id, cx.facts.output(self.issued.id.as_str()))?;
        let names = self.issued.domains.join(", ");
        change.summary = format!("put the certificate for {names} in place");
        Ok(vec![change.note(format!("it ends on {}", self.life.ends))])
    }
}
