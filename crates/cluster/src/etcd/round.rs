//! One question put to the members: to the one that answered last, and to the next when that one fails or is slow.
//!
//! What is asked may so arrive twice. Reads don't mind, a compared transaction is not done twice, and a lease is granted
//! under a name that we chose.
//!
//! Invariant: a question is answered by "not done" only where no member may have done it, or do it yet.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

use super::Client;
use super::member::{Answer, Trouble};
use super::wire::Refusal;

/// What came of a round.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// The answer that ended it, if one did.
    pub(super) answer: Option<Bytes>,
    /// A refusal that no other member would lift.
    pub(super) refusal: Option<Refusal>,
    /// Whether a member that did not answer may have been reached.
    pub(super) is_uncertain: bool,
    /// Who was asked in vain, and what came back.
    pub(super) tried: Vec<String>,
}

/// gRPC's codes (grpc.io, "Status codes") that say something about the question, and not about the member: whoever else is
/// asked would say the same.
const OF_THE_QUESTION: [u32; 8] = [3, 5, 6, 7, 9, 11, 12, 16];
/// "Resource exhausted": refused before anything was done.
const TOO_MANY: u32 = 8;
/// How much of an answer that is not etcd's is told of.
const UNREAD_BYTES_MAX: usize = 200;

/// Whether an answer ends the round.
pub(super) enum Verdict {
    /// It does.
    Enough,
    /// Others may know better, as long as they were asked.
    Hear,
}

impl Client {
    /// Asks the members until one answers; where `judge` says so, those that were asked meanwhile are heard too.
    pub(super) async fn round(&self, path: &str, body: &Bytes, judge: impl Fn(&Bytes) -> Verdict) -> Round {
        let mut order = self.order().into_iter();
        let mut asked = FuturesUnordered::new();
        let mut round = Round::default();
        loop {
            // at the beginning, and whenever one failed or was slow
            if round.answer.is_none() {
                asked.extend(
                    order.next().map(async |index| (index, self.members[index].ask(path, body).await)),
                );
            }
            tokio::select! {
                one = asked.next() => {
                    let Some((index, answer)) = one else { return round };
                    if self.take(&mut round, index, answer, &judge) {
                        round.is_uncertain |= !asked.is_empty();
                        return round;
                    }
                }
                () = sleep(self.config.hedge_after) => {}
            }
        }
    }

    /// Takes what one member answered; true when it ends the round.
    fn take(
        &self,
        round: &mut Round,
        index: usize,
        answer: Result<Answer, Trouble>,
        judge: &impl Fn(&Bytes) -> Verdict,
    ) -> bool {
        let address = self.members[index].address();
        match answer {
            Ok(Answer { is_ok: true, body }) => {
                self.prefer(index);
                let verdict = judge(&body);
                round.answer = Some(body);
                matches!(verdict, Verdict::Enough)
            }
            Ok(Answer { body, .. }) => {
                let refusal = refusal(&body);
                let code = refusal.code;
                round.tried.push(format!("{address}: {}", refusal.text()));
                if OF_THE_QUESTION.contains(&code) {
                    self.prefer(index);
                    round.refusal = Some(refusal);
                    return true;
                }
                round.is_uncertain |= code != TOO_MANY;
                false
            }
            Err(trouble) => {
                round.tried.push(format!("{address}: {}", trouble.text()));
                round.is_uncertain |= matches!(trouble, Trouble::Lost(_));
                false
            }
        }
    }
}

fn refusal(body: &Bytes) -> Refusal {
    let read = serde_json::from_slice::<Refusal>(body).ok().filter(|refusal| refusal.code != 0);
    read.unwrap_or_else(|| {
        Refusal::unread(&String::from_utf8_lossy(&body[..body.len().min(UNREAD_BYTES_MAX)]))
    })
}
