//! Dates in MariaDB's words.

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
        "CASE WHEN {0} REGEXP '",
        date!(),
        "' THEN addtime(CAST(concat(left({0},8),'01') AS datetime(3))\
         +INTERVAL CAST(substr({0},9,2) AS signed)-1 DAY,\
         CAST(if(length({0})>10,regexp_substr(substr({0},12),'^[0-9:.]+'),'00:00:00') AS time(3)))\
         -INTERVAL if({0} REGEXP '[-+]\\d\\d:\\d\\d$',(60*substr(right({0},6),2,2)+right({0},2))\
         *if(left(right({0},6),1)='-',-1,1),0) MINUTE END"
    ),
    now: "utc_timestamp(3)",
    of_seconds: "CASE WHEN {0} AND {1} BETWEEN -62135596800 AND 253402300799 \
                 THEN CAST('1970-01-01' AS datetime(3))+INTERVAL {1} SECOND END",
    add: "({0}+INTERVAL {1} MICROSECOND)",
    add_months: "({0}-INTERVAL dayofmonth({0})-1 DAY+INTERVAL {1} MONTH+INTERVAL dayofmonth({0})-1 DAY)",
    start_of: [
        "CAST(CAST({0} AS date) AS datetime(3))",
        "CAST(date_format({0},'%Y-%m-01') AS datetime(3))",
        "CAST(date_format({0},'%Y-01-01') AS datetime(3))",
    ],
    weekday: "({0}+INTERVAL (7+{1}-(dayofweek({0})-1))%7 DAY)",
    format: "date_format({0},{1})",
    between: "",
    conversion,
    quoted: |text| text.replace('%', "%%"),
};

fn conversion(conversion: char) -> Option<Said> {
    Some(match conversion {
        'd' => Said::Format("%d"),
        'e' => Said::Computed("lpad(dayofmonth({0}),2,' ')"),
        'f' => Said::Computed("concat(date_format({0},'%S.'),lpad(floor(microsecond({0})/1000),3,'0'))"),
        'F' => Said::Format("%Y-%m-%d"),
        'G' => Said::Format("%x"),
        'g' => Said::Computed("right(date_format({0},'%x'),2)"),
        'H' => Said::Format("%H"),
        'I' => Said::Format("%h"),
        'j' => Said::Format("%j"),
        'k' => Said::Computed("lpad(date_format({0},'%k'),2,' ')"),
        'l' => Said::Computed("lpad(date_format({0},'%l'),2,' ')"),
        'm' => Said::Format("%m"),
        'M' => Said::Format("%i"),
        'p' => Said::Format("%p"),
        'P' => Said::Computed("lower(date_format({0},'%p'))"),
        'R' => Said::Format("%H:%i"),
        's' => Said::Computed("CAST(floor(timestampdiff(MICROSECOND,'1970-01-01',{0})/1000000) AS char)"),
        'S' => Said::Format("%S"),
        'T' => Said::Format("%H:%i:%S"),
        'u' => Said::Computed("CAST(weekday({0})+1 AS char)"),
        'U' => Said::Format("%U"),
        'V' => Said::Format("%v"),
        'w' => Said::Format("%w"),
        'W' => Said::Computed("lpad(week({0},5),2,'0')"),
        'Y' => Said::Format("%Y"),
        _ => return None,
    })
}
