//! Calls made of bytes, for what generated clients cannot say.

use assent_rpc::Transport;
use prost::bytes::{Buf as _, BufMut as _, Bytes};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

#[derive(Debug, Default, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Calls `path` with `message`, and with `metadata` besides the token.
///
/// # Errors
/// What the server answered.
pub async fn call(
    address: &str,
    token: Option<&str>,
    path: &str,
    message: Vec<u8>,
    metadata: &[(&'static str, &str)],
) -> Result<Bytes, Status> {
    let path = path.parse().expect("a path");
    let mut request = Request::new(Bytes::from(message));
    for (key, value) in metadata {
        request.metadata_mut().insert(*key, value.parse().expect("metadata"));
    }
    match token {
        Some(token) => {
            let transport = Transport::remote(address, token).expect("an address");
            Ok(tonic::client::Grpc::new(transport).unary(request, path, Raw).await?.into_inner())
        }
        None => {
            let channel = tonic::transport::Endpoint::from_shared(address.to_owned())
                .expect("an address")
                .connect_lazy();
            let mut client = tonic::client::Grpc::new(channel);
            client.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
            Ok(client.unary(request, path, Raw).await?.into_inner())
        }
    }
}
