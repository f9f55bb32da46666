//! Dates in PostgreSQL's words.

use super::MomentWords;
use crate::dialect::strict::Said;

macro_rules! date {
    () => {
        "^(?!0000)\\d\\d\\d\\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])([T ]([01]\\d|2[0-4]):[0-5]\\d\
         (:[0-5]\\d(\\.\\d+)?)?( *(Z|z|[-+](0\\d|1[0-4]):[0-5]\\d))?)?$"
    };
}

pub(super) const WORDS: MomentWords = MomentWords {
    // from the first of the month, as SQLite takes the 31st of any
    parse: concat!(
        "CASE WHEN {0} ~ '",
        date!(),
        "' THEN (left({0},8)||'01')::timestamp+(substr({0},9,2)::int-1)*interval '1 day'\
         +coalesce(substring({0} from '[T ](\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?)')::interval(3),interval '0')\
         -coalesce(substring({0} from '[-+]\\d\\d:\\d\\d$')::interval,interval '0') END"
    ),
    now: "(now() AT TIME ZONE 'UTC')",
    of_seconds: "CASE WHEN {0} AND {1} BETWEEN -62135596800 AND 253402300799 \
                 THEN timestamp '1970-01-01'+{1}*interval '1 second' END",
    add: "({0}+{1}*interval '1 microsecond')",
    add_months: "(SELECT date_trunc('month',m.d)+{1}*interval '1 month'+(m.d-date_trunc('month',m.d)) \
                 FROM (SELECT {0} AS d) m)",
    start_of: ["date_trunc('day',{0})", "date_trunc('month',{0})", "date_trunc('year',{0})"],
    weekday: "(SELECT m.d+((7+{1}-extract(dow FROM m.d)::int)%7)*interval '1 day' FROM (SELECT {0} AS d) m)",
    format: "(to_char({0},{1}) COLLATE \"C\")",
    between: "\"\"",
    conversion,
    quoted: |text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
};

fn conversion(conversion: char) -> Option<Said> {
    Some(match conversion {
        'd' => Said::Format("DD"),
        'e' => Said::Computed("lpad(to_char({0},'FMDD'),2)"),
        'f' => Said::Format("SS.MS"),
        'F' => Said::Format("YYYY-MM-DD"),
        'G' => Said::Format("IYYY"),
        'g' => Said::Format("IY"),
        'H' => Said::Format("HH24"),
        'I' => Said::Format("HH12"),
        'j' => Said::Format("DDD"),
        'k' => Said::Computed("lpad(to_char({0},'FMHH24'),2)"),
        'l' => Said::Computed("lpad(to_char({0},'FMHH12'),2)"),
        'm' => Said::Format("MM"),
        'M' => Said::Format("MI"),
        'p' => Said::Format("AM"),
        'P' => Said::Format("am"),
        'R' => Said::Format("HH24:MI"),
        's' => Said::Computed("floor(extract(epoch FROM {0}))::bigint::text"),
        'S' => Said::Format("SS"),
        'T' => Said::Format("HH24:MI:SS"),
        'u' => Said::Format("ID"),
        'U' => {
            Said::Computed("lpad(((extract(doy FROM {0})::int+6-extract(dow FROM {0})::int)/7)::text,2,'0')")
        }
        'V' => Said::Format("IW"),
        'w' => Said::Computed("extract(dow FROM {0})::int::text"),
        'W' => Said::Computed(
            "lpad(((extract(doy FROM {0})::int+6-(extract(dow FROM {0})::int+6)%7)/7)::text,2,'0')",
        ),
        'Y' => Said::Format("YYYY"),
        _ => return None,
    })
}
