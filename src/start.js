import { launch } from './launch.js';

await launch(import.meta.url.endsWith('/src/start.js') ? './main.ts' : './main.js', 'npm start');
