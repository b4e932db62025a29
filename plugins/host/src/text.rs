//! Foreign strings, made ours: bounded, copied, valid UTF-8. Owns the rules for each kind of text.

use storewarden_plugin_abi::swp_str;

/// Copies at most `max` bytes of a lent text. Bad UTF-8 becomes U+FFFD; a cut falls between characters. `None` when the
/// pointer is null and the length is not.
///
/// # Safety
/// `text.ptr` is null or `text.len` bytes there are readable and do not change during this call (R2).
pub(crate) unsafe fn take(text: swp_str, max: usize) -> Option<String> {
    if text.len == 0 {
        return Some(String::new());
    }
    if text.ptr.is_null() {
        return None;
    }
    let all = usize::try_from(text.len).ok()?;
    // SAFETY: by contract; only the part within the bound is looked at.
    let mut bytes = unsafe { std::slice::from_raw_parts(text.ptr, all.min(max)) };
    if all > max
        && let Err(error) = std::str::from_utf8(bytes)
        && error.error_len().is_none()
    {
        bytes = &bytes[..error.valid_up_to()];
    }
    let mut copy = String::from_utf8_lossy(bytes).into_owned();
    // U+FFFD has three bytes: the repaired text may be longer than the broken one.
    let mut end = copy.len().min(max);
    while !copy.is_char_boundary(end) {
        end -= 1;
    }
    copy.truncate(end);
    Some(copy)
}

/// Whether `text` may be a verdict's reason: `[A-Za-z0-9_]+`, at most 64 bytes.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether `text` may be a metric's name: a token that does not start with a digit (as Prometheus wants it).
pub(crate) fn is_metric_name(text: &str) -> bool {
    is_token(text) && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &[u8], max: usize) -> String {
        // SAFETY: `bytes` is alive.
        unsafe { take(swp_str::lend(bytes), max) }.unwrap()
    }

    #[test]
    fn cuts_between_characters_and_repairs() {
        assert_eq!(taken("aé".as_bytes(), 2), "a");
        assert_eq!(taken("aé".as_bytes(), 3), "aé");
        assert_eq!(taken("a😀".as_bytes(), 4), "a", "three of its four bytes are no character");
        assert_eq!(taken(b"a\xffb", 10), "a\u{fffd}b");
        assert_eq!(taken(b"", 10), "");
        // Repair makes it longer; the bound holds all the same.
        let long = taken(&[0xff; 100], 100);
        assert!(long.len() <= 100 && long.chars().all(|c| c == '\u{fffd}'));
    }

    #[test]
    fn a_length_without_a_pointer_is_no_text() {
        // SAFETY: null is allowed.
        assert_eq!(unsafe { take(swp_str { ptr: std::ptr::null(), len: 5 }, 10) }, None);
    }

    #[test]
    fn names_and_tokens() {
        assert!(is_token("STALE_HANDLE") && is_token("9Lives") && !is_token("") && !is_token("a b"));
        assert!(!is_token(&"x".repeat(65)));
        assert!(is_metric_name("statx_seconds") && !is_metric_name("9lives"));
    }
}
