//! Saved seeds: `name | text`, one per line, with escapes (`\n`, `\x00`) and repetitions (`<<1000*text>>`).

/// A named case.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Seed {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// All cases of a file.
pub(crate) fn read(file: &str) -> Vec<Seed> {
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let seeds: Vec<Seed> = lines
        .map(|line| {
            let (name, text) =
                line.split_once(" | ").unwrap_or_else(|| panic!("a seed is `name | text`: {line}"));
            Seed { name: name.trim().to_owned(), bytes: unescaped(&repeated(text)) }
        })
        .collect();
    assert!(!seeds.is_empty(), "a file of seeds has some");
    seeds
}

fn repeated(text: &str) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<<") {
        let (inner, behind) = after.split_once(">>").expect("a repetition is closed");
        let (count, what) = inner.split_once('*').expect("a repetition is <<N*text>>");
        whole.push_str(before);
        whole.push_str(&what.repeat(count.parse().expect("a number")));
        rest = behind;
    }
    whole + rest
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next().expect("something behind a backslash") {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' => {
                let code: String = chars.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&code, 16).expect("two hex digits"));
            }
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}
