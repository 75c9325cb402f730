export { renderError } from '../openai-errors.ts';
