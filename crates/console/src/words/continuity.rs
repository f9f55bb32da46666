//! What is said of the hosts.

use std::time::Duration;

use crate::continuity::{
    Alarm, Behind, Database, Does, Loss, Mirror, MirrorFault, Mirrors, Primary, State, Voice,
};
use crate::words::{Lang, grouped, size};

impl Lang {
    /// The heading: whether all is well.
    pub(crate) fn how_it_is(self, state: &State) -> String {
        let count = state.alarms.len();
        match (&state.primary, count) {
            (None, _) => self.pick(
                "Nobody is primary: writes wait.".to_owned(),
                "지금 주 서버가 없어요. 쓰기는 기다리고 있어요.".to_owned(),
            ),
            (Some(_), 0) => self.pick("All is well.".to_owned(), "모두 정상이에요.".to_owned()),
            (Some(_), 1) => self.pick(
                "It goes on, but one thing is not as it should be.".to_owned(),
                "계속 돌아가지만 살펴볼 것이 하나 있어요.".to_owned(),
            ),
            (Some(_), count) => self.pick(
                format!("It goes on, but {count} things are not as they should be."),
                format!("계속 돌아가지만 살펴볼 것이 {count}가지 있어요."),
            ),
        }
    }

    /// Who is primary.
    pub(crate) fn primary_is(self, primary: &Primary) -> String {
        let Primary { host, site, epoch } = primary;
        self.pick(
            format!("{host} of {site} is primary, in epoch {epoch}."),
            format!("주 서버: {host} ({site}), 임기 {epoch}"),
        )
    }

    /// What would be lost if the primary's host, and then its site, vanished now.
    pub(crate) fn if_it_vanished(self, loss: &Loss) -> Vec<String> {
        let Loss { host, site, heir, best } = loss;
        let tail = self.tail(best.as_ref());
        match heir {
            Some((heir, of)) if of != site => vec![self.pick(
                format!("If {site} vanished now: {heir} of {of} takes over, nothing acknowledged is lost."),
                format!("지금 {site} 사이트가 사라지면: {heir} ({of}) 서버가 이어받고, 확인된 쓰기는 하나도 잃지 않아요."),
            )],
            Some((heir, _)) => vec![
                self.pick(
                    format!("If {host} vanished now: {heir} takes over, nothing acknowledged is lost."),
                    format!("지금 {host} 서버가 사라지면: {heir} 서버가 이어받고, 확인된 쓰기는 하나도 잃지 않아요."),
                ),
                self.pick(
                    format!("If all of {site} vanished now: {tail}"),
                    format!("{site} 사이트 전체가 사라지면: {tail}"),
                ),
            ],
            None => vec![self.pick(
                format!("If {site} vanished now: {tail}"),
                format!("지금 {site} 사이트가 사라지면: {tail}"),
            )],
        }
    }

    fn tail(self, best: Option<&(String, Behind)>) -> String {
        match best {
            None => self.pick(
                "no copy is left; everything since the last backup is lost.".to_owned(),
                "남는 사본이 없어요. 마지막 백업 뒤의 모든 것을 잃어요.".to_owned(),
            ),
            Some((host, behind)) => {
                let lacks = self.behind(behind);
                self.pick(
                    format!("nobody takes over by itself; {host} lacks: {lacks}. `ondol takeover --accept-loss` gives that up."),
                    format!("저절로 이어받지 않아요. {host} 서버에 없는 것: {lacks}. `ondol takeover --accept-loss`로 포기할 수 있어요."),
                )
            }
        }
    }

    /// How much is missing: "80 KB, 3 s, 41 writes".
    pub(crate) fn behind(self, behind: &Behind) -> String {
        let seconds = |time: Duration| self.seconds(time);
        let writes = |count: u64| {
            let n = grouped(count);
            self.pick(format!("{n} {}", if count == 1 { "write" } else { "writes" }), format!("쓰기 {n}건"))
        };
        let parts = [behind.bytes.map(size), behind.time.map(seconds), behind.writes.map(writes)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn seconds(self, time: Duration) -> String {
        match time.as_secs() {
            0 => self.pick("under 1 s".to_owned(), "1초 미만".to_owned()),
            n => self.pick(format!("{} s", grouped(n)), format!("{}초", grouped(n))),
        }
    }

    /// What a mirror does.
    pub(crate) fn mirror(self, mirror: &Mirror) -> String {
        let part = |part: Option<u8>| part.map_or_else(String::new, |part| format!(", {part} %"));
        let does = match mirror.does {
            Mirrors::Copied(done) => {
                self.pick(format!("is being copied{}", part(done)), format!("복사하고 있음{}", part(done)))
            }
            Mirrors::Mended(done) => self.pick(
                format!("is being compared and mended{}", part(done)),
                format!("비교하며 고치고 있음{}", part(done)),
            ),
            Mirrors::Follows => self.pick("follows".to_owned(), "따라오고 있음".to_owned()),
            Mirrors::Released => {
                self.pick("a database of its own now".to_owned(), "이제 독립된 데이터베이스".to_owned())
            }
            Mirrors::Unheard => self.pick("not heard of".to_owned(), "소식 없음".to_owned()),
        };
        if mirror.version.is_empty() { does } else { format!("{does}, {}", mirror.version) }
    }

    fn mirror_fault(self, name: &str, what: &MirrorFault) -> String {
        match what {
            MirrorFault::Unheard => self.pick(
                format!("the mirror {name} is not heard of"),
                format!("미러 {name}에서 소식이 없어요"),
            ),
            MirrorFault::Stuck(why) => self.pick(
                format!("the mirror {name} does not go on: {why}"),
                format!("미러 {name} 복제가 멈췄어요: {why}"),
            ),
            MirrorFault::Late(time) => {
                let time = self.seconds(*time);
                self.pick(
                    format!("the mirror {name} is {time} behind"),
                    format!("미러 {name}: {time} 뒤처져 있어요"),
                )
            }
            MirrorFault::Released => self.pick(
                format!("the mirror {name} was released and follows nobody: it is the service's database now, or is to be emptied"),
                format!("미러 {name}는 분리되어 아무것도 따라가지 않아요. 이제 서비스의 데이터베이스이거나, 비워야 해요"),
            ),
            MirrorFault::Incomplete => self.pick(
                format!("the mirror {name} does not have everything yet"),
                format!("미러 {name}에 아직 모든 데이터가 있지는 않아요"),
            ),
        }
    }

    /// What a database does.
    pub(crate) fn database(self, database: &Database) -> String {
        if let Some(work) = &database.work {
            return work.clone();
        }
        let does = match database.does {
            Does::Leads => self.pick("primary", "주 서버"),
            Does::Follows if database.has_every_write => {
                self.pick("replica, has every write", "복제 서버, 모든 쓰기를 가지고 있음")
            }
            Does::Follows => self.pick("replica, may lack writes", "복제 서버, 빠진 쓰기가 있을 수 있음"),
            Does::LeadsUncalled => {
                self.pick("takes writes though it is not the leader", "주 서버가 아닌데 쓰기를 받고 있음")
            }
            Does::Stopped => self.pick("stopped", "멈춤"),
            Does::Unheard => self.pick("not heard of", "소식 없음"),
        };
        match database.version.is_empty() {
            true => does.to_owned(),
            false => format!("{does}, {}", database.version),
        }
    }

    /// How a member of etcd is.
    pub(crate) fn voice(self, voice: Voice) -> &'static str {
        match voice {
            Voice::Leads => self.pick("leads", "이끎"),
            Voice::Follows => self.pick("answers", "응답함"),
            Voice::Silent => self.pick("does not answer", "응답 없음"),
        }
    }

    /// Something that is not as it should be.
    pub(crate) fn alarm(self, alarm: &Alarm) -> String {
        match alarm {
            Alarm::NoPrimary => self.pick("nobody is primary".to_owned(), "주 서버가 없어요".to_owned()),
            Alarm::Unheard { host, site } => self.pick(
                format!("the database of {host} ({site}) is not heard of"),
                format!("{host} ({site}) 데이터베이스에서 소식이 없어요"),
            ),
            Alarm::AtWork { host, what } => self
                .pick(format!("{host} is at work: {what}"), format!("{host} 서버가 작업하고 있어요: {what}")),
            Alarm::Unfit { host, why } => {
                let why = why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
                self.pick(
                    format!("the database of {host} may not take over{why}"),
                    format!("{host} 데이터베이스는 지금 이어받을 수 없어요{why}"),
                )
            }
            Alarm::Trouble { host, what } => format!("{host}: {what}"),
            Alarm::Mirror { name, what } => self.mirror_fault(name, what),
            Alarm::GivenAway => self.pick(
                "the data were given to a mirror, and no host may lead".to_owned(),
                "데이터를 미러에 넘겨서, 이 서버들은 주 서버가 될 수 없어요".to_owned(),
            ),
            Alarm::NoHeir => self.pick(
                "no other host has every write, so that none could take over without a loss".to_owned(),
                "모든 쓰기를 가진 다른 서버가 없어요. 지금은 잃는 것 없이 이어받을 수 없어요".to_owned(),
            ),
            Alarm::EtcdSilent { host, why } => self.pick(
                format!("etcd on {host} does not answer ({why})"),
                format!("{host} 서버의 etcd가 응답하지 않아요 ({why})"),
            ),
            Alarm::Silent { role, host, why } => self.pick(
                format!("{role} on {host} does not answer: {why}"),
                format!("{host} 서버의 {role} 역할이 응답하지 않아요: {why}"),
            ),
        }
    }
}
