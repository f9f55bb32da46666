//! The few drawings of the console: 20 by 20, drawn with the text's colour.

use maud::{Markup, PreEscaped};

/// A drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Mark,
    Plus,
    Search,
    People,
    Stack,
    Text,
    Editor,
    Number,
    Bool,
    Mail,
    Link,
    Date,
    Clock,
    Select,
    File,
    Relation,
    Json,
    Lock,
    Pin,
    Up,
    Down,
    Trash,
    Menu,
}

impl Icon {
    /// The drawing, hidden from readers of the page: a text always stands beside it.
    pub(crate) fn draw(self) -> Markup {
        PreEscaped(format!(
            "<svg class=\"icon\" viewBox=\"0 0 20 20\" width=\"20\" height=\"20\" aria-hidden=\"true\" \
             focusable=\"false\">{}</svg>",
            self.paths()
        ))
    }

    /// The drawing of a kind of field, by the wire's name.
    pub(crate) fn of_field(kind: &str) -> Icon {
        match kind {
            "editor" => Icon::Editor,
            "number" => Icon::Number,
            "bool" => Icon::Bool,
            "email" => Icon::Mail,
            "url" => Icon::Link,
            "date" => Icon::Date,
            "autodate" => Icon::Clock,
            "select" => Icon::Select,
            "file" => Icon::File,
            "relation" => Icon::Relation,
            "json" => Icon::Json,
            "password" => Icon::Lock,
            "geoPoint" => Icon::Pin,
            _ => Icon::Text,
        }
    }

    fn paths(self) -> &'static str {
        match self {
            Icon::Mark => {
                r#"<path class="ember" d="M6 8.5c-1-1.3 1-2.2 0-4M10 8.5c-1-1.3 1-2.2 0-4M14 8.5c-1-1.3 1-2.2 0-4"/><path d="M2.5 12h15M4.5 12v4M10 12v4M15.500 12v4M2.500 16h15"/>"#
            }
            Icon::Plus => r#"<path d="M10 4v12M4 10h12"/>"#,
            Icon::Search => r#"<circle cx="9" cy="9" r="5"/><path d="m13 13 4 4"/>"#,
            Icon::People => {
                r#"<circle cx="10" cy="6.500" r="3"/><path d="M4 17c0-3.300 2.700-5.500 6-5.500s6 2.200 6 5.500"/>"#
            }
            Icon::Stack => {
                r#"<ellipse cx="10" cy="5" rx="6" ry="2.300"/><path d="M4 5v10c0 1.300 2.700 2.300 6 2.300s6-1 6-2.300V5M4 10c0 1.300 2.700 2.300 6 2.300s6-1 6-2.300"/>"#
            }
            Icon::Text => r#"<path d="M4.500 5.500V4h11v1.500M10 4v12M8 16h4"/>"#,
            Icon::Editor => r#"<path d="M3 5h14M3 9h9M3 13h14M3 17h7"/>"#,
            Icon::Number => {
                r#"<path d="M7.500 3.500 6 16.500M14 3.500l-1.500 13M3.500 7.500h13M3 12.500h13"/>"#
            }
            Icon::Bool => {
                r#"<rect x="2.500" y="6" width="15" height="8" rx="4"/><circle cx="13.500" cy="10" r="2"/>"#
            }
            Icon::Mail => {
                r#"<rect x="2.500" y="4.500" width="15" height="11" rx="1.500"/><path d="m3 6 7 5 7-5"/>"#
            }
            Icon::Link => {
                r#"<path d="M8.500 11.500a3 3 0 0 0 4.200 0l3-3a3 3 0 0 0-4.200-4.200l-1 1M11.500 8.500a3 3 0 0 0-4.200 0l-3 3a3 3 0 0 0 4.200 4.200l1-1"/>"#
            }
            Icon::Date => {
                r#"<rect x="3" y="4.500" width="14" height="12.500" rx="1.500"/><path d="M3 8.500h14M7 2.500v4M13 2.500v4"/>"#
            }
            Icon::Clock => r#"<circle cx="10" cy="10" r="7"/><path d="M10 6v4l2.500 2"/>"#,
            Icon::Select => {
                r#"<path d="m3 5.500 1.300 1.300L6.800 4M3 14l1.300 1.300 2.500-2.800M10 6h7M10 14h7"/>"#
            }
            Icon::File => r#"<path d="M5 2.500h6.500L16 7v10.500H5zM11.500 2.500V7H16"/>"#,
            Icon::Relation => {
                r#"<circle cx="4.500" cy="10" r="2"/><circle cx="15.500" cy="5" r="2"/><circle cx="15.500" cy="15" r="2"/><path d="m6.400 9.200 7.200-3.400M6.400 10.800l7.200 3.400"/>"#
            }
            Icon::Json => {
                r#"<path d="M7.500 3.500C5 3.500 6.500 9 3.500 10c3 1 1.500 6.500 4 6.500M12.500 3.500c2.500 0 1 5.500 4 6.500-3 1-1.500 6.500-4 6.500"/>"#
            }
            Icon::Lock => {
                r#"<rect x="4" y="9" width="12" height="8" rx="1.500"/><path d="M6.500 9V6.500a3.500 3.500 0 0 1 7 0V9"/>"#
            }
            Icon::Pin => {
                r#"<path d="M10 17.500s5.500-5 5.500-9.300a5.500 5.500 0 0 0-11 0c0 4.300 5.500 9.300 5.500 9.300z"/><circle cx="10" cy="8" r="2"/>"#
            }
            Icon::Up => r#"<path d="m5 12 5-5 5 5"/>"#,
            Icon::Down => r#"<path d="m5 8 5 5 5-5"/>"#,
            Icon::Trash => {
                r#"<path d="M3.500 5.500h13M8 5.500v-2h4v2M5.500 5.500l.700 11.500h7.600l.700-11.500M8.500 9v5M11.500 9v5"/>"#
            }
            Icon::Menu => r#"<path d="M3 6h14M3 10h14M3 14h14"/>"#,
        }
    }
}
