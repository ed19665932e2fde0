//! Calls made of bytes, for what generated clients cannot say.

use prost::bytes::{Buf as _, BufMut as _, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
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
    let mut request = request(token, message);
    for (key, value) in metadata {
        request.metadata_mut().insert(*key, value.parse().expect("metadata"));
    }
    Ok(connect(address).await?.unary(request, path, Raw).await?.into_inner())
}

/// Calls `path`, which answers with a stream, until the server has agreed to it or refused.
///
/// # Errors
/// What the server answered.
pub async fn open(address: &str, token: Option<&str>, path: &str, message: Vec<u8>) -> Result<(), Status> {
    let path = path.parse().expect("a path");
    connect(address).await?.server_streaming(request(token, message), path, Raw).await.map(drop)
}

async fn connect(address: &str) -> Result<Grpc<Channel>, Status> {
    let endpoint = Endpoint::from_shared(address.to_owned()).expect("an address");
    let mut client = Grpc::new(endpoint.connect_lazy());
    client.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
    Ok(client)
}

fn request(token: Option<&str>, message: Vec<u8>) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(message));
    if let Some(token) = token {
        let bearer = format!("Bearer {token}").parse().expect("metadata");
        request.metadata_mut().insert("authorization", bearer);
    }
    request
}
