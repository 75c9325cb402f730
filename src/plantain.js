#!/usr/bin/env node
import { launch } from './launch.js';

await launch(import.meta.url.endsWith('/src/plantain.js') ? './cli.ts' : './cli.js', 'npm run plantain');
