// A picture made by hand, so that no picture has to lie in the repository.

import { crc32 } from "./crc.js";
import { deflateSync } from "node:zlib";

const chunk = (name, data) => {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
};

/** A PNG of plain warm colour. */
export function png(width, height) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, Buffer.from([214, 96, 40]))]);
  const pixels = deflateSync(Buffer.concat(Array(height).fill(line)));
  const mark = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([mark, chunk("IHDR", head), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

/** Width and height that a PNG's bytes tell. */
export function size(bytes) {
  const view = Buffer.from(bytes);
  if (view.toString("latin1", 1, 4) !== "PNG") throw new Error("no PNG");
  return { width: view.readUInt32BE(16), height: view.readUInt32BE(20) };
}
