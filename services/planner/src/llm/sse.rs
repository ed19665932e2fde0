//! Server-sent events, as far as language models use them: the data of each event. Pure.

/// What has been received and is no whole line yet.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    rest: Vec<u8>,
    data: Option<String>,
}

impl Decoder {
    /// The data of every event that `bytes` complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                events.extend(self.data.take());
            } else if let Some(value) = line.strip_prefix("data:") {
                let value = value.strip_prefix(' ').unwrap_or(value);
                match &mut self.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => self.data = Some(value.to_owned()),
                }
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        ": hello\n\nevent: a\ndata: {\"x\":\r\ndata: \"é\"}\r\n\r\nretry: 3\n\ndata:[DONE]\n\ndata: cut off";

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let whole = Decoder::default().feed(TEXT.as_bytes());
        assert_eq!(whole, ["{\"x\":\n\"é\"}", "[DONE]"]);
        for size in 1..20 {
            let mut decoder = Decoder::default();
            let pieces: Vec<_> = TEXT.as_bytes().chunks(size).flat_map(|piece| decoder.feed(piece)).collect();
            assert_eq!(pieces, whole, "{size}");
        }
    }
}
