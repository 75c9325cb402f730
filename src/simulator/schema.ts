import { anything, bool, bytes, float, int32, list, message, oneOf, string } from './proto-json.ts';
import type { Read } from './proto-json.ts';

// What a generateContent call may hold: https://ai.google.dev/api/generate-content

const Blob = message('Blob', { mimeType: string, data: bytes });

const Part = message('Part', {
  text: string,
  inlineData: Blob,
  fileData: message('FileData', { mimeType: string, fileUri: string }),
  functionCall: anything,
  functionResponse: anything,
  executableCode: anything,
  codeExecutionResult: anything,
  thought: bool,
  thoughtSignature: bytes,
  videoMetadata: anything,
  mediaResolution: anything,
  partMetadata: anything,
});

const Content = message('Content', { role: string, parts: list(Part) });

const ImageConfig = message('ImageConfig', { aspectRatio: string, imageSize: string });

const ThinkingConfig = message('ThinkingConfig', {
  includeThoughts: bool,
  thinkingBudget: int32,
  thinkingLevel: oneOf('ThinkingConfig.ThinkingLevel', [
    'THINKING_LEVEL_UNSPECIFIED',
    'MINIMAL',
    'LOW',
    'MEDIUM',
    'HIGH',
  ]),
});

/** The newer spelling of ImageConfig, an object or a list of them. */
const ResponseFormat = message('ResponseFormat', {
  image: message('ImageResponseFormat', { aspectRatio: string, imageSize: string, mimeType: string, delivery: string }),
  text: anything,
  audio: anything,
});

const GenerationConfig = message('GenerationConfig', {
  stopSequences: list(string),
  responseMimeType: string,
  responseSchema: anything,
  responseJsonSchema: anything,
  responseModalities: list(
    oneOf('GenerationConfig.Modality', ['MODALITY_UNSPECIFIED', 'TEXT', 'IMAGE', 'AUDIO', 'VIDEO']),
  ),
  responseFormat: list(ResponseFormat),
  candidateCount: int32,
  maxOutputTokens: int32,
  temperature: float,
  topP: float,
  topK: float,
  seed: int32,
  presencePenalty: float,
  frequencyPenalty: float,
  responseLogprobs: bool,
  logprobs: int32,
  enableEnhancedCivicAnswers: bool,
  speechConfig: anything,
  thinkingConfig: ThinkingConfig,
  imageConfig: ImageConfig,
  mediaResolution: oneOf('GenerationConfig.MediaResolution', [
    'MEDIA_RESOLUTION_UNSPECIFIED',
    'MEDIA_RESOLUTION_LOW',
    'MEDIA_RESOLUTION_MEDIUM',
    'MEDIA_RESOLUTION_HIGH',
  ]),
});

const SafetySetting = message('SafetySetting', {
  category: oneOf('HarmCategory', [
    'HARM_CATEGORY_UNSPECIFIED',
    'HARM_CATEGORY_HARASSMENT',
    'HARM_CATEGORY_HATE_SPEECH',
    'HARM_CATEGORY_SEXUALLY_EXPLICIT',
    'HARM_CATEGORY_DANGEROUS_CONTENT',
    'HARM_CATEGORY_CIVIC_INTEGRITY',
    'HARM_CATEGORY_JAILBREAK',
  ]),
  threshold: oneOf('SafetySetting.HarmBlockThreshold', [
    'HARM_BLOCK_THRESHOLD_UNSPECIFIED',
    'BLOCK_LOW_AND_ABOVE',
    'BLOCK_MEDIUM_AND_ABOVE',
    'BLOCK_ONLY_HIGH',
    'BLOCK_NONE',
    'OFF',
  ]),
});

const Tool = message('Tool', {
  googleSearch: message('Tool.GoogleSearch', {
    searchTypes: message('Tool.GoogleSearch.SearchTypes', { webSearch: anything, imageSearch: anything }),
    timeRangeFilter: anything,
  }),
  functionDeclarations: list(anything),
  googleSearchRetrieval: anything,
  codeExecution: anything,
  urlContext: anything,
  computerUse: anything,
  googleMaps: anything,
  fileSearch: anything,
  mcpServers: list(anything),
});

const generateContentFields = {
  model: string,
  contents: list(Content),
  systemInstruction: Content,
  generationConfig: GenerationConfig,
  safetySettings: list(SafetySetting),
  tools: list(Tool),
  toolConfig: anything,
  cachedContent: string,
  labels: anything,
  serviceTier: string,
  store: bool,
};

export const GenerateContentRequest = message('GenerateContentRequest', generateContentFields);

export const CountTokensRequest = message('CountTokensRequest', {
  model: string,
  contents: list(Content),
  generateContentRequest: GenerateContentRequest,
});

export type GenerateContentRequest = Read<typeof GenerateContentRequest>;
export type CountTokensRequest = Read<typeof CountTokensRequest>;
export type Content = Read<typeof Content>;
export type Part = Read<typeof Part>;
export type GenerationConfig = Read<typeof GenerationConfig>;
