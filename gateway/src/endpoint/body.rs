//! The body of a request, whole: JSON in UTF-8, as it came, and no more of it than a message may have, nor than there is room for.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use chancery_core::Caller;
use chancery_outbound::BoxError;
use chancery_tokens::bearer;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Call;
use crate::memory::Part;
use crate::refusal::Refusal;

/// The largest body of a message.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

impl Call<'_> {
    /// The body of a POST, whole; nothing of any other. It is to be held no longer than its part of the memory is.
    pub(super) async fn body(&self, body: Body, caller: &Caller) -> Result<(Bytes, Part), Refusal> {
        let mut part = self.part(caller);
        if self.head.method != Method::POST {
            return Ok((Bytes::new(), part));
        }
        let headers = &self.head.headers;
        if headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")) {
            return Err(Refusal::compressed());
        }
        if body.size_hint().lower() > LARGEST_BODY as u64 {
            return Err(Refusal::too_large(LARGEST_BODY)); // said beforehand: not a byte of it is read
        }
        let body = whole(body, &mut part).await?;
        match content_type(&self.head.headers).as_deref() {
            Some("application/json") => Ok((body, part)),
            Some("application/x-www-form-urlencoded") if bearer::stands_in_form(&body) => Err(Refusal::two_tokens()), // OA-20
            _ => Err(Refusal::wrong_type()),
        }
    }
}

/// All of it, in one piece. Of several none is kept as it came: a small one holds what it was read into, which is a thousand times as large.
async fn whole(body: Body, part: &mut Part) -> Result<Bytes, Refusal> {
    let mut body = Limited::new(body, LARGEST_BODY);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let cut = |error: BoxError| if error.is::<LengthLimitError>() { Refusal::too_large(LARGEST_BODY) } else { Refusal::cut_off() };
        let Some(piece) = frame.map_err(cut)?.into_data().ok().filter(|piece| !piece.is_empty()) else { continue };
        part.hold(first.len() + whole.len() + piece.len()).map_err(Refusal::too_much_at_once)?;
        if whole.is_empty() && first.is_empty() {
            first = piece;
            continue;
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&piece);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// The media type in lower case, without its parameters; nothing where there are several types, or a charset that JSON does not have
/// (RFC 8259 §8.1): what is judged here as UTF-8 must not be something else to whoever stands behind (MC-01).
fn content_type(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let text = only.to_str().ok()?.to_ascii_lowercase();
    let (kind, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let mut charsets = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("charset"));
    let utf_8 = |value: &str| value.trim_start().strip_prefix('=').is_some_and(|value| value.trim().trim_matches('"') == "utf-8");
    charsets.all(utf_8).then(|| kind.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::fixtures::part;

    fn read(values: &[&'static str]) -> Option<String> {
        content_type(&values.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_static(value))).collect())
    }

    #[tokio::test]
    async fn a_body_is_one_however_many_pieces_it_comes_in() {
        let text = Bytes::from("0123456789".repeat(100));
        for size in [1, 7, 999, 1000] {
            let pieces: Vec<_> = text.chunks(size).chain([&[][..]]).map(|piece| Ok::<_, BoxError>(Bytes::copy_from_slice(piece))).collect();
            let body = Body::from_stream(futures_util::stream::iter(pieces));
            assert_eq!(whole(body, &mut part()).await.expect("a body"), text);
        }
        // Of one piece nothing is copied, whether or not an empty one follows.
        let body = Body::from_stream(futures_util::stream::iter([Ok::<_, BoxError>(text.clone()), Ok(Bytes::new())]));
        assert_eq!(whole(body, &mut part()).await.expect("a body").as_ptr(), text.as_ptr());
    }

    #[test]
    fn mc_01_a_body_is_json_in_utf_8_or_it_is_nothing() {
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\"", "application/json; q=1"] {
            assert_eq!(read(&[good]).as_deref(), Some("application/json"), "{good}");
        }
        for bad in [
            "application/json; charset=utf-7",
            "application/json; charset=shift_jis",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json; charset = utf-16",
            "application/json; charset",
        ] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
        assert_eq!(read(&["application/json", "text/plain"]), None);
        assert_eq!(read(&[]), None);
    }
}
