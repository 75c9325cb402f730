export { renderModel, renderModels } from '../openai-models.ts';
