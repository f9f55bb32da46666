//! The name of the slot that keeps what a host needs: slots take small letters, digits and underscores only.

const PREFIX: &str = "ondol_";

/// The name of a host's slot: other characters as `_` and two hexadecimal digits each.
pub(crate) fn name(host: &str) -> String {
    let mut name = PREFIX.to_owned();
    for byte in host.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => name.push(char::from(byte)),
            _ => name.push_str(&format!("_{byte:02x}")),
        }
    }
    name
}

/// The host whose slot this is; `None`: somebody else's.
pub(crate) fn host(name: &str) -> Option<String> {
    let mut parts = name.strip_prefix(PREFIX)?.split('_');
    let mut host = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        host.push(u8::from_str_radix(code, 16).ok()?);
        host.extend(rest.bytes());
    }
    String::from_utf8(host).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_host_has_a_slot_of_its_own_and_is_found_by_it() {
        for text in ["seoul-1", "seoul_1", "10.0.0.21", "Seoul", "서울"] {
            let name = super::name(text);
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            );
            assert_eq!(super::host(&name).as_deref(), Some(text), "{name}");
        }
        assert_eq!(super::host("backup"), None);
    }
}
