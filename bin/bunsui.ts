#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// What V8 has made of the code is kept for the next command: a run compiles some hundred files. Where it cannot be kept, nothing is lost.
enableCompileCache();
const { main } = await import('../lib/cli/main.ts');

process.exitCode = await main(process.argv.slice(2));
