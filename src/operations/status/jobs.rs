//! What cron runs, and when it has.

use super::Job;

/// How many fields of a line say when, where it does not begin with `@`.
const FIELDS: usize = 5;

/// Where users have tables of their own, whose lines name no user.
const OWN: &str = "/var/spool/cron/crontabs/";

/// Jobs from cron's tables (a line each: the table, a tab, its line) and from what cron has logged (`TIME`, exit status of
/// one that failed, `USER COMMAND`). Where cron logs failures, a run without one went well.
pub(super) fn jobs(tables: &str, log: &str, tells: bool) -> Vec<Job> {
    let mut jobs: Vec<Job> = tables.lines().filter_map(job).collect();
    for line in log.lines() {
        let mut parts = line.splitn(3, '\t');
        let (Some(Ok(at)), Some(status), Some(what)) =
            (parts.next().map(str::parse), parts.next(), parts.next())
        else {
            continue;
        };
        let what = words(what);
        let ours =
            |job: &&mut Job| words(&format!("{} {}", job.user, job.command.replace("\\%", "%"))) == what;
        let raw = |job: &&mut Job| words(&format!("{} {}", job.user, job.command)) == what;
        for job in jobs.iter_mut().filter(|job| ours(job) || raw(job)) {
            job.ran = Some(at);
            job.status = status.parse().ok().or(tells.then_some(0));
        }
    }
    jobs
}

fn job(line: &str) -> Option<Job> {
    let (table, line) = line.split_once('\t')?;
    let mut rest = line.trim();
    let mut schedule = Vec::new();
    let wanted = if rest.starts_with('@') { 1 } else { FIELDS };
    let next = |rest: &mut &str| {
        let (word, after) = rest.split_once(char::is_whitespace)?;
        *rest = after.trim_start();
        Some(word.to_owned())
    };
    while schedule.len() < wanted {
        schedule.push(next(&mut rest)?);
    }
    let user = match table.strip_prefix(OWN) {
        Some(owner) => owner.to_owned(),
        None => next(&mut rest)?,
    };
    Some(Job {
        table: table.to_owned(),
        schedule: schedule.join(" "),
        user,
        command: rest.to_owned(),
        ran: None,
        status: None,
    })
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_found_in_the_log_by_its_user_and_command() {
        let tables = "/etc/cron.d/a\t* * * * *\troot  echo  hi; exit 3\n\
            /etc/cron.d/a\t@daily ann date +\\%F\n\
            /var/spool/cron/crontabs/bob\t0 2 * * * /bin/true\n\
            /etc/cron.d/a\t1 2 3\n";
        let log = "100\t3\troot echo hi; exit 3\n200\t-\tann date +%F\n300\t-\tann /bin/true\nx\ty\n";
        let told = jobs(tables, log, true);
        let short: Vec<_> = told
            .iter()
            .map(|job| (&*job.schedule, &*job.user, &*job.command, job.ran, job.status))
            .collect();
        assert_eq!(
            short,
            [
                ("* * * * *", "root", "echo  hi; exit 3", Some(100), Some(3)),
                ("@daily", "ann", "date +\\%F", Some(200), Some(0)),
                ("0 2 * * *", "bob", "/bin/true", None, None),
            ]
        );
        assert_eq!(jobs(tables, log, false)[1].status, None, "cron does not say");
    }
}
