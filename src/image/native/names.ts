// The names of Gemini's request, camelCase, as far down as they are the vendor's to give. What users name themselves
// (arguments, schemas, labels) is a 'value'. https://ai.google.dev/api/generate-content and the SDK's types.

/** What a field holds: something that travels as it came, an upper-case word (or words), or named fields again. */
export type Kind = 'value' | 'enum' | Message;

/** One object, or each object of a list. */
export interface Message {
  readonly [name: string]: Kind;
}

export const BLOB = { mimeType: 'value', data: 'value', displayName: 'value' } as const satisfies Message;

const FILE_DATA = { mimeType: 'value', fileUri: 'value', displayName: 'value' } as const satisfies Message;

/** The members of a part of which it holds exactly one. */
export const PAYLOADS = {
  text: 'value',
  inlineData: 'value',
  fileData: FILE_DATA,
  functionCall: { id: 'value', name: 'value', args: 'value', partialArgs: 'value', willContinue: 'value' },
  functionResponse: {
    id: 'value',
    name: 'value',
    response: 'value',
    willContinue: 'value',
    scheduling: 'enum',
    parts: { inlineData: BLOB, fileData: FILE_DATA },
  },
  executableCode: { id: 'value', language: 'enum', code: 'value' },
  codeExecutionResult: { id: 'value', outcome: 'enum', output: 'value' },
  toolCall: { id: 'value', toolType: 'enum', args: 'value' },
  toolResponse: { id: 'value', toolType: 'enum', response: 'value' },
} as const satisfies Message;

export const PART = {
  ...PAYLOADS,
  thought: 'value',
  thoughtSignature: 'value',
  videoMetadata: { startOffset: 'value', endOffset: 'value', fps: 'value' },
  mediaResolution: { level: 'enum', numTokens: 'value' },
  partMetadata: 'value',
  mediaProcessing: 'value',
  speechMetadata: 'value',
  audioTranscription: 'value',
} as const satisfies Message;

export const CONTENT = { role: 'value', parts: 'value' } as const satisfies Message;

const TOOL = {
  functionDeclarations: {
    name: 'value',
    description: 'value',
    behavior: 'enum',
    parameters: 'value',
    parametersJsonSchema: 'value',
    response: 'value',
    responseJsonSchema: 'value',
  },
  googleSearch: {
    searchTypes: { webSearch: {}, imageSearch: {} },
    timeRangeFilter: { startTime: 'value', endTime: 'value' },
    excludeDomains: 'value',
    blockingConfidence: 'enum',
  },
  googleSearchRetrieval: { dynamicRetrievalConfig: { mode: 'enum', dynamicThreshold: 'value' } },
  googleMaps: { enableWidget: 'value', authConfig: 'value', groundingTypes: 'value' },
  enterpriseWebSearch: { excludeDomains: 'value', blockingConfidence: 'enum' },
  codeExecution: {},
  urlContext: {},
  fileSearch: { fileSearchStoreNames: 'value', metadataFilter: 'value', topK: 'value' },
  computerUse: {
    environment: 'enum',
    excludedPredefinedFunctions: 'value',
    enablePromptInjectionDetection: 'value',
    disabledSafetyPolicies: 'enum',
  },
  mcpServers: {
    name: 'value',
    streamableHttpTransport: {
      url: 'value',
      headers: 'value',
      timeout: 'value',
      sseReadTimeout: 'value',
      terminateOnClose: 'value',
    },
  },
  retrieval: 'value',
  exaAiSearch: 'value',
  parallelAiSearch: 'value',
} as const satisfies Message;

export const REQUEST = {
  model: 'value',
  contents: 'value',
  systemInstruction: 'value',
  generationConfig: 'value',
  tools: TOOL,
  toolConfig: {
    functionCallingConfig: { mode: 'enum', allowedFunctionNames: 'value', streamFunctionCallArguments: 'value' },
    retrievalConfig: { latLng: 'value', languageCode: 'value' },
    includeServerSideToolInvocations: 'value',
  },
  safetySettings: { category: 'enum', threshold: 'enum', method: 'enum' },
  cachedContent: 'value',
  serviceTier: 'value',
  store: 'value',
  labels: 'value',
  modelArmorConfig: 'value',
  continuationToken: 'value',
} as const satisfies Message;

export const GENERATION_CONFIG = {
  responseModalities: 'enum',
  imageConfig: 'value',
  responseFormat: 'value',
  candidateCount: 'value',
  seed: 'value',
  temperature: 'value',
  topP: 'value',
  topK: 'value',
  maxOutputTokens: 'value',
  stopSequences: 'value',
  presencePenalty: 'value',
  frequencyPenalty: 'value',
  responseMimeType: 'value',
  responseSchema: 'value',
  responseJsonSchema: 'value',
  _responseJsonSchema: 'value',
  responseLogprobs: 'value',
  logprobs: 'value',
  enableEnhancedCivicAnswers: 'value',
  enableAffectiveDialog: 'value',
  audioTimestamp: 'value',
  audioTranscriptionConfig: 'value',
  mediaResolution: 'enum',
  thinkingConfig: { thinkingLevel: 'enum', thinkingBudget: 'value', includeThoughts: 'value' },
  speechConfig: 'value',
  routingConfig: 'value',
  modelSelectionConfig: 'value',
  translationConfig: { echoTargetLanguage: 'value', targetLanguageCode: 'value' },
} as const satisfies Message;

export const IMAGE_CONFIG = {
  aspectRatio: 'value',
  imageSize: 'value',
  personGeneration: 'enum',
  prominentPeople: 'enum',
  outputMimeType: 'value',
  outputCompressionQuality: 'value',
  imageOutputOptions: { mimeType: 'value', compressionQuality: 'value' },
} as const satisfies Message;

/** The newer spelling of `imageConfig`: `generationConfig.responseFormat`, an object or a list. */
export const RESPONSE_FORMAT = {
  image: 'value',
  text: 'value',
  audio: 'value',
  video: 'value',
} as const satisfies Message;

export const IMAGE_FORMAT = {
  aspectRatio: 'value',
  imageSize: 'value',
  mimeType: 'value',
  delivery: 'enum',
} as const satisfies Message;
