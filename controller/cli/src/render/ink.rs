//! Colour, columns and harmless text. Owns how things look; must not know what they mean.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What a word says at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
    /// Nobody can tell.
    Doubt,
    /// Under way.
    Busy,
    /// A heading.
    Strong,
    /// Nothing special.
    Plain,
}

impl Tone {
    /// The parameter of SGR (ECMA-48 8.3.117) that sets it, and the colour comfy-table knows it by.
    const fn style(self) -> Option<(&'static str, Color)> {
        match self {
            Self::Good => Some(("32", Color::DarkGreen)),
            Self::Warn => Some(("33", Color::DarkYellow)),
            Self::Bad => Some(("31", Color::DarkRed)),
            Self::Doubt => Some(("35", Color::DarkMagenta)),
            Self::Busy => Some(("36", Color::DarkCyan)),
            Self::Strong => Some(("1", Color::Reset)),
            Self::Plain => None,
        }
    }
}

/// What the outlet can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ink {
    /// Whether to colour.
    pub(crate) colour: bool,
    /// Columns of the terminal. None: not a terminal, nothing is wrapped.
    pub(crate) width: Option<u16>,
}

/// Columns of the terminal behind stdout, if it is one.
pub(crate) fn terminal_width() -> Option<u16> {
    Table::new().width()
}

impl Ink {
    /// No colour, no wrapping.
    #[cfg(test)]
    pub(super) const PLAIN: Self = Self { colour: false, width: None };

    /// `text` in `tone`. The text is taken as harmless: see [`clean`].
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        match tone.style() {
            Some((sgr, _)) if self.colour => format!("\x1b[{sgr}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }

    /// A cell of a table, made harmless.
    pub(super) fn cell(self, tone: Tone, text: &str) -> Cell {
        let cell = Cell::new(clean(text));
        match tone.style() {
            _ if !self.colour => cell,
            Some((_, Color::Reset)) => cell.add_attribute(Attribute::Bold),
            Some((_, colour)) => cell.fg(colour),
            None => cell,
        }
    }

    /// Rows under a header, in columns two spaces apart. The columns named in `whole` are never wrapped.
    pub(super) fn table(self, header: &[&str], rows: Vec<Vec<Cell>>, whole: &[usize]) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING).force_no_tty();
        if self.colour {
            table.enforce_styling();
        }
        if let Some(width) = self.width {
            table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.set_header(header.iter().map(|word| self.cell(Tone::Strong, word)).collect::<Vec<_>>());
        table.add_rows(rows);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if whole.contains(&index) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

/// Text from elsewhere, made harmless for a terminal: control characters (a file name may hold an escape sequence) and
/// marks that turn the direction of writing are written as escapes.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_harmful(c) {
            let _ = write!(clean, "{}", c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    Cow::Owned(clean)
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Every line of `text` moved right.
pub(super) fn indent(text: &str, columns: usize) -> String {
    let space = " ".repeat(columns);
    let lines: Vec<_> = text.lines().map(|line| format!("{space}{line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_no_borders_and_no_trailing_space() {
        let row = |a: &str, b: &str| vec![Ink::PLAIN.cell(Tone::Good, a), Ink::PLAIN.cell(Tone::Plain, b)];
        let text = Ink::PLAIN.table(&["ONE", "TWO"], vec![row("a", "b"), row("longer", "c")], &[]);
        assert_eq!(text, "ONE     TWO\na       b\nlonger  c");
    }

    #[test]
    fn a_narrow_terminal_wraps_what_may_be_wrapped() {
        let ink = Ink { colour: false, width: Some(24) };
        let row =
            vec![ink.cell(Tone::Plain, "0123456789"), ink.cell(Tone::Plain, "some words that are long")];
        let text = ink.table(&["ID", "WORDS"], vec![row], &[0]);
        assert!(text.lines().count() > 2, "{text}");
        assert!(text.lines().any(|line| line.starts_with("0123456789 ")), "{text}");
    }

    #[test]
    fn colour_is_there_only_when_asked_for() {
        let ink = Ink { colour: true, width: None };
        assert_eq!(ink.paint(Tone::Bad, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(ink.paint(Tone::Plain, "x"), "x");
        assert_eq!(Ink::PLAIN.paint(Tone::Bad, "x"), "x");
        let table = |ink: Ink| ink.table(&["A"], vec![vec![ink.cell(Tone::Bad, "x")]], &[]);
        assert!(table(ink).contains('\x1b'));
        assert!(!table(Ink::PLAIN).contains('\x1b'));
    }

    #[test]
    fn escape_sequences_are_disarmed() {
        assert_eq!(clean("a b.qcow2"), "a b.qcow2");
        assert_eq!(clean("x\x1b[2Jy\n"), "x\\u{1b}[2Jy\\u{a}");
        assert_eq!(clean("\u{9b}31m\u{202e}"), "\\u{9b}31m\\u{202e}");
        assert_eq!(clean("é 日本"), "é 日本");
    }
}
