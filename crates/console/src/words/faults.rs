//! Faults of fields in Korean: the rooms tell them in English with a code; the code is what is translated.

use serde_json::Value;

use crate::words::Lang;

impl Lang {
    /// A fault `{code, message, params?}` as people read it. In English it is the message itself; in Korean the code's
    /// text, or the message where the code is unknown.
    pub(crate) fn fault(self, fault: &Value) -> String {
        let text = |key: &str| fault.get(key).and_then(Value::as_str).unwrap_or_default();
        let message = text("message").to_owned();
        match self {
            Lang::En => message,
            Lang::Ko => korean(text("code"), fault.get("params"), &message).unwrap_or(message),
        }
    }
}

fn korean(code: &str, params: Option<&Value>, message: &str) -> Option<String> {
    let number = || {
        let first = params.and_then(Value::as_object).and_then(|all| all.values().find(|v| v.is_number()));
        first.map_or_else(|| first_number(message), Value::to_string)
    };
    if code == "validation_invalid_rule" {
        return Some(format!("규칙을 읽지 못했어요. {message}"));
    }
    let text = match code {
        "validation_required" => "꼭 입력해 주세요.",
        "validation_not_unique" | "validation_collection_name_exists" => "이미 쓰고 있는 값이에요.",
        "validation_is_email" => "이메일 주소를 다시 확인해 주세요.",
        "validation_is_url" | "validation_invalid_url" => "웹 주소를 다시 확인해 주세요.",
        "validation_email_domain_not_allowed" => "이 이메일 도메인은 쓸 수 없어요.",
        "validation_url_domain_not_allowed" => "이 도메인은 쓸 수 없어요.",
        "validation_values_mismatch" => "두 값이 서로 달라요.",
        "validation_invalid_password" => "비밀번호가 맞지 않아요.",
        "validation_reserved_field_name" => "시스템에서 쓰는 이름이라 쓸 수 없어요.",
        "validation_invalid_regex" => "정규식을 읽지 못했어요.",
        "validation_date_invalid" => "날짜와 시간을 다시 확인해 주세요.",
        "validation_collection_system_rule_change" => "시스템 컬렉션의 규칙은 바꿀 수 없어요.",
        "validation_match_invalid" => "영문자, 숫자, 밑줄(_)만 쓸 수 있어요.",
        "validation_nil_or_not_empty_required" => "규칙을 적거나 관리자만으로 두세요.",
        "validation_invalid_format" => "형식이 맞지 않아요.",
        "validation_invalid_json" | "console_json" => "JSON 형식이 아니에요.",
        "validation_not_a_number" => "숫자가 아니에요.",
        "validation_only_int_constraint" => "정수만 쓸 수 있어요.",
        "validation_invalid_latitude" => "위도는 -90에서 90 사이예요.",
        "validation_invalid_longitude" => "경도는 -180에서 180 사이예요.",
        "validation_missing_rel_records" => "연결할 레코드를 찾지 못했어요.",
        "validation_missing_rel_collection" => "연결할 컬렉션을 찾지 못했어요.",
        "validation_invalid_mime_type" => "받지 않는 종류의 파일이에요.",
        "validation_pk_invalid" | "validation_invalid_or_existing_id" => "쓸 수 없거나 이미 있는 ID예요.",
        "validation_in_invalid" => "고를 수 없는 값이에요.",
        "validation_system_field_change" => "시스템 필드는 이름을 바꾸거나 뺄 수 없어요.",
        "validation_collection_system_name_change" => "시스템 컬렉션의 이름은 바꿀 수 없어요.",
        "validation_min_text_constraint" | "validation_length_too_short" => {
            return Some(format!("{}자 이상으로 적어 주세요.", number()));
        }
        "validation_max_text_constraint" | "validation_length_too_long" => {
            return Some(format!("{}자 이하로 적어 주세요.", number()));
        }
        "validation_min_number_constraint" => return Some(format!("{} 이상이어야 해요.", number())),
        "validation_max_number_constraint" => return Some(format!("{} 이하여야 해요.", number())),
        "validation_not_enough_values" => return Some(format!("{}개 이상 골라 주세요.", number())),
        "validation_too_many_values" | "validation_too_many_files" => {
            return Some(format!("{}개까지만 고를 수 있어요.", number()));
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// The first number of a sentence.
fn first_number(text: &str) -> String {
    let mut numbers = text.split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-')));
    let number = numbers.find(|n| n.bytes().any(|b| b.is_ascii_digit())).unwrap_or_default();
    number.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_known_code_is_told_in_korean_with_its_number() {
        let fault = json!({"code": "validation_max_text_constraint", "message": "Must be no more than 20 character(s)."});
        assert_eq!(Lang::Ko.fault(&fault), "20자 이하로 적어 주세요.");
        assert_eq!(Lang::En.fault(&fault), "Must be no more than 20 character(s).");
    }

    #[test]
    fn an_unknown_code_keeps_its_message() {
        assert_eq!(Lang::Ko.fault(&json!({"code": "x", "message": "Odd."})), "Odd.");
    }
}
