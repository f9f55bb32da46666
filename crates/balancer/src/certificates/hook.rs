//! The team's own program that puts a record into a name's zone: `HOOK set NAME VALUE`, and `HOOK unset NAME VALUE` after it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::Fault;

/// What a hook is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// Put the record there, and come back when the zone's servers give it out.
    Set,
    /// Take it away.
    Unset,
}

/// Bytes of what a hook says that are read.
const WORDS_BYTES_MAX: u64 = 4 << 10;
/// Characters of it that are shown.
const WORDS_SHOWN_MAX: usize = 300;

/// Runs it for a TXT record.
pub(super) async fn run(
    hook: &Path,
    ask: Ask,
    name: &str,
    value: &str,
    longest: Duration,
) -> Result<(), Fault> {
    let shown = hook.display();
    let word = match ask {
        Ask::Set => "set",
        Ask::Unset => "unset",
    };
    let mut command = Command::new(hook);
    command.args([word, name, value]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    let mut child =
        command.spawn().map_err(|error| Fault(format!("the hook {shown} can't be started: {error}")))?;
    let stderr = child.stderr.take().expect("it is piped");
    let ended = async {
        let mut said = Vec::new();
        // what it says beyond this is lost on it
        let _ = stderr.take(WORDS_BYTES_MAX).read_to_end(&mut said).await;
        (child.wait().await, said)
    };
    let Ok((status, said)) = tokio::time::timeout(longest, ended).await else {
        return Err(Fault(format!(
            "the hook {shown} {word} {name} took longer than {} s",
            longest.as_secs()
        )));
    };
    let status = status.map_err(|error| Fault(format!("the hook {shown} was lost: {error}")))?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    let last: String = said
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("nothing")
        .chars()
        .take(WORDS_SHOWN_MAX)
        .collect();
    Err(Fault(format!("the hook {shown} {word} {name} failed ({status}); it said: {last}")))
}
