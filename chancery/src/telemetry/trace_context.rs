//! W3C Trace Context (Recommendation, §3.2): where a request stands in its trace, as `traceparent` says it.

/// One span of one trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceContext {
    pub trace: [u8; 16],
    pub span: [u8; 8],
    pub sampled: bool,
}

impl TraceContext {
    /// `00-TRACE-SPAN-FLAGS`; of a later version, as much of it as this one knows.
    pub fn parse(header: &str) -> Option<Self> {
        let (known, more) = header.split_at_checked(55)?;
        let mut parts = known.split('-');
        let [version, trace, span, flags] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let (version, trace, span, [flags]) = (bytes::<1>(version)?, bytes(trace)?, bytes(span)?, bytes(flags)?);
        let sound = match version {
            [0xff] => false,
            [0] => more.is_empty(),
            _ => more.is_empty() || more.starts_with('-'),
        };
        let named = trace != [0; 16] && span != [0; 8];
        (sound && named && parts.next().is_none()).then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }

    pub fn header(&self) -> String {
        format!("00-{}-{}-{:02x}", hex(&self.trace), hex(&self.span), u8::from(self.sampled))
    }
}

/// Lower case and nothing else.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_read_is_what_is_written() {
        let context = TraceContext::parse(GOOD).expect("a context");
        assert!(context.sampled);
        assert_eq!(context.header(), GOOD);
        assert!(!TraceContext::parse(&GOOD.replace("-01", "-00")).expect("a context").sampled);
        assert!(TraceContext::parse(&format!("cc{}-what-comes-later", &GOOD[2..])).is_some(), "a later version");
    }

    #[test]
    fn garbage_is_no_context() {
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
            "\u{20ac}0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }
}
