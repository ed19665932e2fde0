// The script of the first load, compressed: what index.html names. Chunks that pages load later do not count.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 300_000;

const page = readFileSync("dist/ui/index.html", "utf8");
const scripts = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map(([, path]) => path);
if (scripts.length === 0) throw new Error("index.html names no script");
const size = scripts.reduce((sum, path) => sum + gzipSync(readFileSync(`dist/ui${path}`)).length, 0);
console.log(`first load: ${size} bytes of compressed script in ${scripts.length} file(s) (aim: at most ${LIMIT})`);
if (size > LIMIT) process.exit(1);
