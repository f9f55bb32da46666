//! `ondol status` where a balancer runs: each web server behind it, as the balancer's control socket tells.

use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

use super::Shown;
use crate::cli::upgrade;
use crate::config::Config;
use crate::failure::Failure;
use crate::swap::control::{self, Ask};

/// Longest wait for a balancer's answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);

/// Looks at all balancers of this folder once.
pub(super) async fn look(config: &Config) -> Result<Shown, Failure> {
    let mut seen = Vec::new();
    for (path, who) in upgrade::found(config, None).await? {
        let answer = control::ask(&path, &Ask::Status, ANSWER_TIME_MAX).await;
        let answer = answer.map_err(|error| {
            Failure::failed(format!("the balancer (process {}) can't be asked: {error}", who.process))
        })?;
        let status = answer.map_err(Failure::failed)?;
        seen.push((who, status));
    }
    let told: Vec<Value> = seen
        .iter()
        .map(|(who, status)| {
            let mut told = json!(who);
            told.as_object_mut().expect("a struct").extend(status.as_object().cloned().unwrap_or_default());
            told
        })
        .collect();
    let faults: Vec<String> = told.iter().flat_map(faults).collect();
    let name = if config.service.is_empty() { "The balancer" } else { &config.service };
    let sentence = match faults.is_empty() {
        true => format!("{name} is well: every web server behind it is up."),
        false => format!("{name} is not as it should be: {}.", faults.join("; ")),
    };
    let lines: Vec<String> = std::iter::once(sentence.clone()).chain(told.iter().flat_map(lines)).collect();
    let state = if faults.is_empty() { "well" } else { "degraded" };
    Ok(Shown {
        text: lines.join("\n"),
        json: json!({ "state": state, "sentence": sentence, "service": config.service, "balancers": told }),
        is_well: faults.is_empty(),
    })
}

fn backends(told: &Value) -> impl Iterator<Item = &Value> {
    told["backends"].as_array().into_iter().flatten()
}

/// What is not as it should be; that one is drained was somebody's wish.
fn faults(told: &Value) -> Vec<String> {
    let is_amiss = |backend: &&Value| !matches!(backend["state"].as_str(), Some("up" | "drained"));
    let sentence = |backend: &Value| {
        let word = |name: &str| backend[name].as_str().unwrap_or_default().to_owned();
        format!("{} is {} ({})", word("address"), word("state"), word("why"))
    };
    backends(told).filter(is_amiss).map(sentence).collect()
}

/// One balancer as a table.
fn lines(told: &Value) -> Vec<String> {
    let addresses: Vec<&str> =
        told["addresses"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let number = |of: &Value| of.as_u64().unwrap_or(0);
    let (waiting, bytes) = (number(&told["waiting"]["requests"]), number(&told["waiting"]["bytes"]));
    let mut lines = vec![
        format!(
            "  listens on {} (process {}, version {}, swapped {} times); {} wait for a place with {}",
            addresses.join(" "),
            told["process"],
            told["version"].as_str().unwrap_or_default(),
            told["generation"],
            HumanCount(waiting),
            HumanBytes(bytes)
        ),
        format!(
            "  {:<22} {:<8} {:>7} {:>7} {:>11} {:>7} {:>7} {:>9} {:>9}",
            "web server", "state", "in hand", "streams", "answers", "failed", "retries", "half <", "99 % <"
        ),
    ];
    for backend in backends(told) {
        let word = |name: &str| backend[name].as_str().unwrap_or_default();
        let failed: u64 =
            backend["failures"].as_object().into_iter().flatten().map(|(_, count)| number(count)).sum();
        let ms = |name: &str| match backend["last_minute"][name].as_f64() {
            Some(ms) => format!("{ms:.1} ms"),
            None => "–".into(),
        };
        lines.push(format!(
            "  {:<22} {:<8} {:>7} {:>7} {:>11} {:>7} {:>7} {:>9} {:>9}",
            word("address"),
            word("state"),
            number(&backend["requests"]),
            number(&backend["streams"]),
            HumanCount(number(&backend["answers"])).to_string(),
            failed,
            number(&backend["retries"]),
            ms("p50_ms"),
            ms("p99_ms")
        ));
        if let Some(why) = backend["why"].as_str() {
            lines.push(format!("  {:<22} {why}", ""));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_balancer_is_one_screen_with_the_reason_under_who_is_out() {
        let failures = json!({ "unsent": 1, "broke_off": 2, "timed_out": 0 });
        let told = json!({
            "process": 815, "version": "0.1.0", "addresses": ["0.0.0.0:80"], "role": "balancer", "generation": 2,
            "waiting": { "requests": 3, "bytes": 2048 },
            "backends": [
                { "address": "10.0.0.11:8090", "state": "up", "requests": 4, "streams": 12, "answers": 1_234_567,
                  "failures": failures, "retries": 2, "last_minute": { "answers": 9, "p50_ms": 1.25, "p99_ms": 40.0 } },
                { "address": "10.0.0.12:8090", "state": "out", "requests": 0, "streams": 0, "answers": 0,
                  "failures": failures, "retries": 0, "last_minute": null,
                  "why": "no connection could be made: Connection refused (os error 111)" },
                { "address": "10.0.0.13:8090", "state": "drained", "requests": 0, "streams": 3, "answers": 7,
                  "failures": failures, "retries": 0, "last_minute": null },
            ],
        });
        expect![[r#"
              The balancer is well.
                listens on 0.0.0.0:80 (process 815, version 0.1.0, swapped 2 times); 3 wait for a place with 2.00 KiB
                web server             state    in hand streams     answers  failed retries    half <    99 % <
                10.0.0.11:8090         up             4      12   1,234,567       3       2    1.2 ms   40.0 ms
                10.0.0.12:8090         out            0       0           0       3       0         –         –
                                       no connection could be made: Connection refused (os error 111)
                10.0.0.13:8090         drained        0       3           7       3       0         –         –"#]]
        .assert_eq(&format!("The balancer is well.\n{}", lines(&told).join("\n")));
        assert_eq!(
            faults(&told),
            ["10.0.0.12:8090 is out (no connection could be made: Connection refused (os error 111))"]
        );
    }
}
