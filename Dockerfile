# syntax=docker/dockerfile:1

# Emits JavaScript: the image that runs holds no TypeScript and no development tool.
FROM node:24-bookworm-slim AS build
WORKDIR /plantain
COPY package.json package-lock.json .npmrc ./
# The npm package `node` serves machines with an older Node; here it would be a second copy.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-bookworm-slim AS packages
WORKDIR /plantain
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="Plantain" \
      org.opencontainers.image.licenses="MIT"
# glibc keeps a heap for each thread, and what one frees stays in its own: with one of them 20 MB less, at no cost that shows.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=1 \
    HOST=0.0.0.0 \
    OPERATIONS_HOST=0.0.0.0 \
    DATA_DIR=/data
WORKDIR /plantain
COPY --from=packages /plantain/node_modules node_modules
COPY --from=build /plantain/dist dist
COPY package.json LICENSE ./
COPY config config
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080 9464
# A process of its own, not npm: npm would swallow the signal that asks for draining.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "require('node:http').get('http://127.0.0.1:'+(process.env.PORT||8080)+'/livez',r=>process.exit(r.statusCode===200?0:1)).on('error',()=>process.exit(1))"]
# Pictures are kept outside the heap: a young generation of the usual size would only hold memory they could use.
# 4 MB would save another 15, and cost small requests a tenth of their CPU.
ENTRYPOINT ["node", "--max-semi-space-size=8", "--enable-source-maps", "dist/start.js"]
