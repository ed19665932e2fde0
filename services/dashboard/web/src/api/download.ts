/** Gives the pieces to the person as a file. The name is only that of a file: no folder in it. */
export async function download(pieces: AsyncIterable<{ data: Uint8Array }>, name: string, type: string): Promise<void> {
  const parts: BlobPart[] = [];
  for await (const { data } of pieces) parts.push(new Uint8Array(data));
  const address = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name.split(/[/\\]/).at(-1) || "file";
  link.click();
  URL.revokeObjectURL(address);
}
